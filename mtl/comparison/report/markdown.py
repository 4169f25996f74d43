"""The report as Markdown."""

from collections.abc import Sequence

from mtl.comparison.records import Problem
from mtl.comparison.report import number_format
from mtl.comparison.report.auxiliary import AUXILIARY_NOTE, AUXILIARY_TITLE, auxiliary_heads, auxiliary_rows
from mtl.comparison.report.content import Report
from mtl.comparison.report.data_facts import data_in_words, environment_of, notes_of
from mtl.comparison.report.drawing import SvgFigure
from mtl.comparison.report.execution import constants_sentence, execution_columns
from mtl.comparison.report.findings import (
    AGAIN,
    COST_NOTE,
    NEGATIVE_TRANSFER_COLUMNS,
    STOPPED_CAPTION,
    STOPPED_COLUMNS,
    negative_transfer_rows,
    pareto_sentences,
    scales_sentence,
    screened_rows,
    screening_note,
    stopped_rows,
    tuned_caption,
    tuned_columns,
    tuned_rows,
    worst_gain_sentence,
)
from mtl.comparison.report.names_in_pages import set_apart
from mtl.comparison.types import Comparison, Evidence, Row
from mtl.comparison.verdict import RULES, Verdict, counted_sentence
from mtl.comparison.wording import format_percent


def markdown(report: Report, figures: Sequence[SvgFigure]) -> str:
    """The same in short: verdict, gains, values, cost, figures as files beside it, problems, runs, environment."""
    comparison = report.comparison
    lines = [f"# {escaped(report.name)}", "", f"Data: {escaped(data_in_words(comparison))}", ""]
    if report.command:
        lines += [f"Command: <code>{escaped(report.command)}</code>", ""]
    lines += body(comparison, report.verdict, figures)
    lines += problems_section(report.problems, report.again)
    notes = notes_of(comparison)
    if notes:
        lines += ["", "## Notes of the runs", "", *table(["note", "runs"], [list(pair) for pair in notes])]
    lines += ["", "## Rules", "", RULES, "", "## Where every number comes from", ""]
    runs = [[row.label, str(one.seed), str(one.path)] for row in comparison.all_rows for one in row.records]
    lines += table(["configuration", "seed", "run"], runs)
    lines += ["", "## Environment", ""]
    lines += table(["what", "which"], [list(pair) for pair in environment_of(comparison).items()])
    lines.append("")
    return "\n".join(lines)


def problems_section(problems: Sequence[Problem], again: Sequence[str] = ()) -> list[str]:
    """Runs that failed or could not be used, and why; nothing where there are none.

    Args:
        problems: the runs.
        again: commands that train those that are missing or unfinished.

    Returns:
        Lines of Markdown.
    """
    if not problems:
        return []
    lines = ["", "## Failed and left out", "", *table(["run", "why"], [[one.path, one.reason] for one in problems])]
    for command in again:
        lines += ["", f"{AGAIN} <code>{escaped(command)}</code>"]
    return lines


def body(comparison: Comparison, verdict: Verdict, figures: Sequence[SvgFigure]) -> list[str]:
    """Lines of Markdown: verdict, gains, negative transfer, values, cost, figures."""
    lines = [f"**{escaped(verdict.headline)}**", ""]
    counted = counted_sentence(comparison)
    lines += [escaped(counted), ""] if counted else []
    lines += [f"- {escaped(sentence)}" for sentence in verdict.sentences if sentence]
    lines += gains_section(comparison)
    lines += screening_section(comparison)
    lines += negative_transfer_section(comparison)
    lines += values_section(comparison)
    lines += auxiliary_section(comparison)
    lines += cost_section(comparison)
    for one in figures:
        lines += ["", f"### {one.title}", "", f"![{one.title}](figures/{one.name}.svg)", "", escaped(one.note)]
    return lines


def gains_section(c: Comparison) -> list[str]:
    """Gains with intervals of what was measured on test."""
    heads = [f"{task} ({c.primary[task]})" for task in c.tasks]  # a task may be called like another column
    acted = any(tested.outcome for _, tested in c.tested_rows)
    rows = []
    for row, tested in c.tested_rows:
        found = [tested.delta, *(tested.cells[task].evidence for task in c.tasks)]
        cells = [gain_cell(one) for one in found]
        if acted:
            cells.append(gain_cell(tested.outcome) if tested.outcome else "-")
        label = f"**{row.label}**" if c.best and row.label == c.best.label else row.label
        rows.append([label, *cells, str(len(tested.seeds))])
    columns = ["configuration", "delta_m", *heads, *(["acting"] if acted else []), "seeds"]
    return [
        "",
        "### Gains over single-task learning, on test data",
        "",
        *table(columns, rows),
        "",
        "Gain over the mean of the single-task runs of the same seeds, with its interval in percent; positive is "
        "better. ▲ helps, ▼ hurts, = no difference that matters, no mark: no evidence. Of further baselines nothing "
        f"is claimed. {escaped(scales_sentence(c))}",
    ]


def screening_section(c: Comparison) -> list[str]:
    """How all configurations rank on validation, which claims nothing."""
    heads = [f"{task} ({c.primary[task]})" for task in c.tasks]
    rows = [
        [
            f"**{row.label}**" if c.best and row.label == c.best.label else row.label,
            format_percent(row.delta_validation),
            *(format_percent(row.validation[task]) for task in c.tasks),
            number_format.rank(row.rank),
            str(len(row.screened)),
        ]
        for row in screened_rows(c)
    ]
    return [
        "",
        "### All configurations, on validation data",
        "",
        *table(["configuration", "delta_m", *heads, "mean rank", "seeds"], rows),
        "",
        escaped(screening_note(c)),
        "",
        *(f"- {escaped(sentence)}" for sentence in pareto_sentences(c)),
        *stopped_section(c),
        *tuned_section(c),
    ]


def tuned_section(c: Comparison) -> list[str]:
    """Which values of the grid each configuration has; nothing where nothing was tuned."""
    rows = [list(row) for row in tuned_rows(c)]
    if not rows:
        return []
    lines = table(list(tuned_columns(c)), rows)
    return ["", "### Values chosen on validation", "", *lines, "", escaped(tuned_caption(c))]


def stopped_section(c: Comparison) -> list[str]:
    """Which configurations screening let go of on its way; nothing where there are none."""
    rows = [list(row) for row in stopped_rows(c)]
    if not rows:
        return []
    return ["", f"{STOPPED_CAPTION}:", "", *table(list(STOPPED_COLUMNS), rows)]


def gain_cell(one: Evidence) -> str:
    """A gain, with its interval where there is one."""
    interval = number_format.interval(one)
    return f"{number_format.gain(one)} ({interval})" if interval else number_format.gain(one)


def negative_transfer_section(c: Comparison) -> list[str]:
    """Which tasks are hurt, or that none is shown to be."""
    rows = [list(row) for row in negative_transfer_rows(c)]
    found = table(list(NEGATIVE_TRANSFER_COLUMNS), rows) if rows else [escaped(worst_gain_sentence(c))]
    return ["", "### Negative transfer", "", *found]


def values_section(c: Comparison) -> list[str]:
    """The primary metric of every configuration and task."""
    heads = [f"{task} ({c.primary[task]}, {'higher' if c.directions[task] else 'lower'} is better)" for task in c.tasks]
    rows = [
        [row.label, *(number_format.value(row.tested.cells[task].mean, row.tested.cells[task].sd) for task in c.tasks)]
        for row in c.all_rows
        if row.tested is not None
    ]
    note = "Primary metric on test data: mean ± standard deviation over seeds, of what was measured there."
    return ["", "### Values", "", *table(["configuration", *heads], rows), "", note]


def auxiliary_section(c: Comparison) -> list[str]:
    """The primary metric of tasks that do not count; nothing where there are none."""
    if not c.auxiliary:
        return []
    rows = [[label, *cells] for label, cells in auxiliary_rows(c)]
    return ["", f"### {AUXILIARY_TITLE}", "", *table(["configuration", *auxiliary_heads(c)], rows), "", AUXILIARY_NOTE]


def cost_section(c: Comparison) -> list[str]:
    """Parameters, time and memory of every configuration, and what came of acting."""
    acted = execution_columns(c)
    rows = [
        [
            row.label,
            number_format.count(row.costs["parameters"]),
            number_format.seconds(row.costs["seconds"]),
            number_format.megabytes(row.costs["memory"]),
            with_spread(row),
            *(number_format.value(row.execution.get(name, float("nan"))) for name in acted),
            "yes" if row.label in c.front_tasks else "",
            number_format.share(c.hypervolume[row.label]),
        ]
        for row in c.all_rows
    ]
    columns = ["configuration", "parameters", "training", "peak memory", "inference", *acted, "front", "unique"]
    lines = ["", f"### {'Cost and acting' if acted else 'Cost'}", "", *table(columns, rows), "", COST_NOTE]
    said = constants_sentence(c)
    return [*lines, "", said] if said else lines


def with_spread(row: Row) -> str:
    """Inference seconds, with the fastest and the slowest run."""
    spread = number_format.spread(*row.inference_spread)
    return number_format.seconds(row.costs["inference"]) + (f" ({spread})" if spread else "")


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(escaped, head)) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(map(escaped, row)) + " |" for row in rows)]


def escaped(text: str) -> str:
    """A text that stays one cell, and no HTML."""
    return set_apart(" ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|"))
