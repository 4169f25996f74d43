"""What a person sees at the end of a run: one table, and what to type next."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtl.agent.report import ExecutionReport
from mtl.assembly import trees_of
from mtl.cli.next_comparison import comparison_arguments
from mtl.comparison.wording import format_stated
from mtl.config.beginning import BEGINNING, working_directory
from mtl.config.block_table import BlockTable
from mtl.config.commands import trusting, typed
from mtl.config.console import Terminal
from mtl.config.literals import for_shell, override_argument
from mtl.config.run_result import LOSS, AffinityResult, ImprovementResult, RunResult, metric_format
from mtl.lifecycle.execution import decides
from mtl.lifecycle.improved import dispatches
from mtl.lifecycle.improvement_progress import gain_text

SPLITS = ("train", "val", "test")


def show(
    result: RunResult,
    reports: Sequence[ExecutionReport] = (),
    console: Console | None = None,
    overrides: Sequence[str] = (),
) -> None:
    """Print the final table of a run, what came of acting, and what to type next; ``overrides`` were typed for it."""
    console = console or Terminal()
    console.print(metrics_table(result))
    if result.selection.still_improving:
        console.print(longer_advice(result), soft_wrap=True, highlight=False, markup=False)
    if result.affinity is not None:
        console.print(affinity_table(result.affinity))
    if result.improvement is not None:
        console.print(improvement_sentence(result.improvement), soft_wrap=True, highlight=False, markup=False)
    for report in reports:
        console.print(report.table())
    console.print("Next:")
    for why, what in next_commands(result, overrides):
        console.print(f"  {why:<28} {what}", soft_wrap=True, highlight=False, markup=False)


def longer_advice(result: RunResult) -> str:
    """What to type for a run that was still improving when its budget was used up."""
    key = result.selection.budget_key
    unit = "epoch" if key in ("steps", "epochs") else "iteration"
    used = f"{result.steps} steps" if key == "steps" else f"{result.epochs} {unit}s"
    return f"The best {unit} is the last: validation was still improving after {used}. Raise {key}= to train longer."


def improvement_sentence(found: ImprovementResult) -> str:
    """What a search on the outcome of acting found, which dispatcher is kept, and what several of them reach."""
    if found.gain is not None and found.alpha is not None:
        return rounds_sentence(found)
    kept = {"searched": "what was found is kept", "start": "the trained dispatcher stays", "rule": "the rule is kept"}
    start, searched = (f"{100 * found.validation[name]:+.1f} %" for name in ("start", "searched"))
    team = found.validation.get("team")
    several = (
        "" if team is None else f" With further dispatchers, the shortest of their schedules: {100 * team:+.1f} %."
    )
    if found.further == 0:
        several = " None of the further dispatchers made schedules of these shops shorter, so none is kept."
    return (
        f"Improved by acting, makespan against the bound rule's on validation shops: trained {start}, searched "
        f"{searched}; {kept[found.kept]}.{several}"
    )


def rounds_sentence(found: ImprovementResult) -> str:
    """What an improvement in rounds came to, no more than its interval says."""
    assert found.gain is not None
    assert found.alpha is not None
    rounds, gain, kept = found.rounds, found.gain, sum(one.kept for one in found.rounds)
    changed = "the network stays as it was" if found.settings is None else f"it decides as before ({decided_by(found)})"
    if not kept:
        best = max(rounds, key=lambda one: one.gain.mean)
        return (
            f"Improved by acting: none of {len(rounds)} rounds is kept, so {changed}. The largest "
            f"gain is {gain_text(best.gain)} of {found.reference}; the intervals of all rounds hold together at "
            f"{format_stated(1 - found.alpha)}."
        )
    said = "a gain" if gain.low > 0.0 else "a loss" if gain.high < 0.0 else "no gain that is told from chance"
    where = "instances that no round has seen" if found.settings is None else "validation rows that no search has seen"
    now = "" if found.settings is None else f", {decided_by(found)}"
    return (
        f"Improved by acting: {kept} of {len(rounds)} rounds kept{now}. On {where} {said}: "
        f"{gain_text(gain)} of {found.reference}. The intervals of the rounds and this one hold together at "
        f"{format_stated(1 - found.alpha)}."
    )


def decided_by(found: ImprovementResult) -> str:
    """The settings with which an agent decides."""
    return ", ".join(f"{name}={value:.4g}" for name, value in (found.settings or {}).items())


def next_commands(result: RunResult, overrides: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What a person may want to do with a run of these overrides, and what to type."""
    run = from_here(result.directory)
    named = " ".join([override_argument("run", run), *trusting(result.config.trust)])
    commands = look_commands(run)
    if result.config.execution:  # which the run's own config names, so that nothing else has to be said
        commands.append(("let the agent act:", f"{typed('execute')} {named}"))
    if (Path(run) / "front.csv").is_file():  # one network for all trade-offs
        shares = ", ".join(f"{name}: {1 if place else 2}" for place, name in enumerate(result.tasks))
        commands.append(("another trade-off:", f"{typed('execute')} {named} {for_shell(f'preference={{{shares}}}')}"))
    decided = decides(result.config)
    if decided:
        commands.append(("improve how it decides:", f"{typed('improve')} {named}"))
    elif result.improvement is not None or dispatches(result):
        commands.append(("improve it by acting:", f"{typed('improve')} {named}"))
    if (Path(run) / "statistics.json").is_file():
        what = "decide on new rows:" if decided else "predict new rows:"
        commands.append((what, f"{typed('execute')} {named} records=new.csv"))
    compared = comparison_arguments(result, overrides)
    if compared is not None and (result.improvement is None or result.improvement.parent is None):
        commands.append(("does it pay?", f"{typed('compare')} {' '.join(compared)}"))
    return [*commands, ("all numbers:", f"{run}/result.json")]


def from_here(directory: str) -> str:
    """A directory as it is typed: relative where it is below the working directory, if the command was typed there."""
    path, here = Path(directory), working_directory()
    if here is None or here != BEGINNING or not path.is_relative_to(here):
        return directory
    return str(path.relative_to(here))


def look_commands(run: str) -> list[tuple[str, str]]:
    """What shows the dashboard of a run; nothing where other loggers were named, and it has none."""
    return [("look at it:", f"tensorboard --logdir {for_shell(run)}")] if (Path(run) / "tensorboard").is_dir() else []


def affinity_table(found: AffinityResult) -> Table:
    """What was measured between the tasks, of rows onto columns, and the groups that followed."""
    groups = " ".join("[" + ", ".join(group) + "]" for group in found.groups)
    table = BlockTable(
        title=f"affinity: {found.measure}, of a row onto a column",
        caption=Text(f"groups{f', at most {found.networks}' if found.networks else ''}: {groups}"),
    )
    table.add_column("", overflow="fold")
    for name in found.tasks:
        table.add_column(name, justify="right", overflow="fold")
    for i, (name, row) in enumerate(zip(found.tasks, found.matrices[found.measure], strict=True)):
        table.add_row(name, *("-" if i == j or value is None else f"{value:+.3g}" for j, value in enumerate(row)))
    return table


def metrics_table(result: RunResult) -> Table:
    """Tasks x metrics, for train, validation and test; the primary metric in bold, auxiliary tasks named as such."""
    chosen, selected = result.choices, result.selection
    how, best = f"{chosen.model} sharing, {chosen.weighting} weighting", f"epoch {selected.epoch + 1}"
    if trees_of(result.config) is not None:
        how, best = "boosted trees", "iteration of " + ", ".join(f"{k} {v + 1}" for k, v in selected.by_task.items())
    if result.merging is not None:
        how = f"merged from networks trained apart, {chosen.weighting} weighting"
    table = Table(
        title=f"{chosen.task}: {how}, seed {result.seed}",
        caption=f"best {best} by {selected.metric} ({selected.mode})",
    )
    for column in ("task", "metric", *SPLITS):
        table.add_column(column, justify="left" if column in ("task", "metric") else "right", overflow="fold")
    for name, task in result.tasks.items():
        shown = f"{name} (auxiliary)" if task.auxiliary else name
        measured = [result.metrics[split].tasks.get(name, {}) for split in SPLITS]
        found = dict.fromkeys(metric for split in (measured[SPLITS.index("val")], *measured) for metric in split)
        metrics = [metric for metric in {**found, task.primary: None} if metric != LOSS]  # also one that is no number
        for metric in [*metrics, LOSS]:
            direction = ("higher" if task.higher_is_better else "lower") + " is better"
            label = f"[bold]{metric}[/bold] ({direction})" if metric == task.primary else metric
            values = [split.get(metric) for split in measured]
            row = ["-" if value is None else f"{value:{metric_format(value)}}" for value in values]
            table.add_row(shown, label, *row, end_section=metric == LOSS)
    return table
