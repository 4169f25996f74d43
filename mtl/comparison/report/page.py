"""The report as one HTML page that needs nothing else, and as Markdown."""

from math import isfinite

from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl.comparison.records import Problem
from mtl.comparison.report import number_format
from mtl.comparison.report.drawing import Picture
from mtl.comparison.report.findings import (
    NEGATIVE_TRANSFER_COLUMNS,
    negative_transfer_rows,
    pareto_sentences,
    worst_gain_sentence,
)
from mtl.comparison.types import Comparison, Evidence
from mtl.comparison.verdict import DOES_NOT_PAY, PAYS, RULES, Verdict, p_value, percent

FULL = 0.1  # a gain of 10 % has the full colour
COST_NOTE = """\
Medians over seeds, means of what came of acting. Inference: predicting one batch of test rows, up to 1024, for all
tasks. Peak memory: of the process while it trained, with interpreter, libraries and data. Front: no other configuration
is better on every task. Unique: share of the hypervolume of gains that is lost without it."""


def size(one: Evidence) -> str:
    """How strong the colour of a gain is, 0 to 1."""
    return f"{min(1.0, abs(one.mean) / FULL):.2f}" if isfinite(one.mean) else "0"


def execution_columns(comparison: Comparison) -> list[str]:
    """Names of what came of acting, where the configurations differ."""
    same = constant_columns(comparison)
    names = dict.fromkeys(name for row in comparison.all_rows for name in row.execution)
    # How long the rules took that the agent is measured beside says nothing about a configuration
    return [name for name in names if name not in same and not name.endswith("_seconds")]


def constant_columns(comparison: Comparison) -> dict[str, float]:
    """What came of acting that no configuration changes, such as the gaps of rules; a sentence says them."""
    rows = [row.execution for row in comparison.all_rows]
    if len(rows) < 2:
        return {}
    return {name: value for name, value in rows[0].items() if all(row.get(name) == value for row in rows)}


def constants_sentence(comparison: Comparison) -> str:
    """What came of acting that is the same for all, in one sentence; empty if nothing is."""
    same = ", ".join(f"{name} {number_format.value(value)}" for name, value in constant_columns(comparison).items())
    return f"The same for all: {same}." if same else ""


def html(
    name: str,
    command: str,
    comparison: Comparison,
    verdict: Verdict,
    problems: list[Problem],
    pictures: list[Picture],
) -> str:
    """The page. Every text in it is escaped; figures are drawn by us, and escape their own."""
    environment = Environment(
        loader=PackageLoader("mtl.comparison.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html").render(
        name=name,
        command=command,
        c=comparison,
        v=verdict,
        tone={PAYS: "pays", DOES_NOT_PAY: "loses"}.get(verdict.outcome, ""),
        problems=problems,
        pictures=pictures,
        execution_columns=execution_columns(comparison),
        constants_sentence=constants_sentence(comparison),
        rules=RULES,
        cost_note=COST_NOTE,
        pareto_sentences=pareto_sentences(comparison),
        negative_transfer_columns=NEGATIVE_TRANSFER_COLUMNS,
        negative_transfer_rows=negative_transfer_rows(comparison),
        worst_gain_sentence=worst_gain_sentence(comparison),
        scales={
            reason: [task for task in comparison.tasks if comparison.scales[task].reason == reason]
            for reason in dict.fromkeys(comparison.scales[task].reason for task in comparison.tasks)
        },
        number_format=number_format,
        size=size,
        percent=percent,
        p_value=p_value,
    )


def markdown(
    name: str,
    command: str,
    comparison: Comparison,
    verdict: Verdict,
    problems: list[Problem],
    pictures: list[Picture],
) -> str:
    """The same in short: verdict, gains, values, cost, figures as files beside it, problems, runs, environment."""
    lines = [f"# {escaped(name)}", ""]
    if command:
        lines += [f"Command: <code>{escaped(command)}</code>", ""]
    lines += body(comparison, verdict, pictures)
    if problems:
        lines += ["", "## Failed and left out", ""]
        lines += table(["run", "why"], [[one.path, one.reason] for one in problems])
    lines += ["", "## Rules", "", RULES, "", "## Where every number comes from", ""]
    runs = [[row.label, str(one.seed), str(one.path)] for row in comparison.all_rows for one in row.records]
    lines += table(["configuration", "seed", "run"], runs)
    lines += ["", "## Environment", ""]
    lines += table(["what", "which"], [list(pair) for pair in comparison.baseline.records[0].environment.items()])
    lines.append("")
    return "\n".join(lines)


def body(comparison: Comparison, verdict: Verdict, pictures: list[Picture]) -> list[str]:
    """Lines of Markdown: verdict, gains, values and cost, figures."""
    c = comparison
    lines = [f"**{escaped(verdict.headline)}**", ""]
    lines += [f"- {escaped(sentence)}" for sentence in verdict.sentences if sentence]
    lines += ["", "### Gains over single-task learning", ""]
    zeros = ["0" for _ in c.tasks]
    gains = [[c.baseline.label, "0", *zeros, "", "", f"{c.baseline.rank:.2f}", "0", str(len(c.baseline.seeds))]]
    for row in c.rows:
        evidence = [row.delta, *(row.cells[task].evidence for task in c.tasks)]
        shown = [
            f"{number_format.gain(one)} ({number_format.interval(one)})"
            if number_format.interval(one)
            else number_format.gain(one)
            for one in evidence
        ]
        label = f"**{row.label}**" if c.best and row.label == c.best.label else row.label
        effect, seeds = number_format.effect(row.delta.test.effect), str(len(row.seeds))
        gains.append([label, *shown, p_value(row.delta.p), effect, f"{row.rank:.2f}", percent(row.validation), seeds])
    lines += table(
        ["configuration", "delta_m", *c.tasks, "p (Holm)", "effect", "mean rank", "on validation", "seeds"], gains
    )
    hurt = [list(row) for row in negative_transfer_rows(c)]
    lines += [
        "",
        "Mean gain over the same-seed single-task run on test data, 95 % interval in percent; positive is better. "
        "▲ helps, ▼ hurts, = no difference that matters, no mark: no evidence. Bold: best by validation. p, effect "
        "(Hedges' g of the paired differences) and validation are of delta_m; the rank is the mean over tasks.",
        "",
        *(f"- {escaped(sentence)}" for sentence in pareto_sentences(c)),
        "",
        "### Negative transfer",
        "",
        *(table(list(NEGATIVE_TRANSFER_COLUMNS), hurt) if hurt else [escaped(worst_gain_sentence(c))]),
        "",
        "### Values",
        "",
    ]
    heads = [f"{task} ({c.primary[task]}, {'higher' if c.directions[task] else 'lower'} is better)" for task in c.tasks]
    values = [
        [row.label, *(number_format.value(row.cells[task].mean, row.cells[task].sd) for task in c.tasks)]
        for row in c.all_rows
    ]
    lines += table(["configuration", *heads], values)
    lines += ["", "Primary metric on test data: mean ± standard deviation over seeds.", ""]
    acted = execution_columns(c)
    lines += [f"### {'Cost and acting' if acted else 'Cost'}", ""]
    costs = [
        [
            row.label,
            number_format.count(row.costs["parameters"]),
            number_format.seconds(row.costs["seconds"]),
            number_format.megabytes(row.costs["memory"]),
            number_format.seconds(row.costs["inference"]),
            *(number_format.value(row.execution.get(name, float("nan"))) for name in acted),
            "yes" if row.label in c.front_tasks else "",
            number_format.share(c.hypervolume[row.label]),
        ]
        for row in c.all_rows
    ]
    columns = ["parameters", "training", "peak memory", "inference", *acted, "front", "unique"]
    lines += table(["configuration", *columns], costs)
    lines += ["", COST_NOTE]
    if said := constants_sentence(c):
        lines += ["", said]
    for one in pictures:
        lines += ["", f"### {one.title}", "", f"![{one.title}](figures/{one.name}.svg)", "", one.note]
    return lines


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(escaped, head)) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(map(escaped, row)) + " |" for row in rows)]


def escaped(text: str) -> str:
    """A text that stays one cell, and no HTML."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
