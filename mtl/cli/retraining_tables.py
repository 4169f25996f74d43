"""What a person sees of later rows: how tasks have changed, what training again has gained, what to type next."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from mtl.agent.analysis.drift import Change
from mtl.config.commands import trusting, typed
from mtl.config.literals import for_shell, override_argument
from mtl.lifecycle.later_rows import ALL
from mtl.lifecycle.retrained import Retraining


def show_drift(found: Retraining, console: Console, *, always: bool) -> None:
    """Print how the tasks have changed, and what follows.

    Args:
        found: what was measured.
        console: where to.
        always: the run is trained again in any case.
    """
    console.print(changes_table("later rows against the run's test rows", ("test", "later"), found.drift))
    for remark in found.remarks:
        console.print(remark, soft_wrap=True, highlight=False, markup=False)
    worse = ", ".join(found.worse)
    if found.unlabelled and (worse or always):
        said = f"Worse on later rows: {worse}" if worse else "No measured task is told to be worse"
        text = (
            f"{said}. The run is not trained again, which takes later rows with labels of every task, as of "
            f"{', '.join(found.unlabelled)}."
        )
    elif worse:
        text = f"Worse on later rows: {worse}. The run is trained again with half of them."
    elif found.unlabelled:
        text = "No measured task is told to be worse, so nothing is trained again."
    elif always:
        text = "No task is told to be worse; the run is trained again as always=true asks for."
    else:
        text = "No task is told to be worse, so nothing is trained again (always=true does it all the same)."
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def show_candidates(found: Retraining, console: Console, trust: list[str]) -> None:
    """Print what training again has gained, and what to type next.

    Args:
        found: what came of it.
        console: where to.
        trust: modules whose code the runs name.
    """
    for one in found.candidates:
        rows = "all rows of before and half of the later ones" if one.rows == ALL else "half of the later rows alone"
        chosen = ", the better one on validation" if one.run == found.chosen and len(found.candidates) > 1 else ""
        console.print(changes_table(f"trained again with {rows}{chosen}", ("before", "now"), one.gains))
    for note in found.notes:
        console.print(note, soft_wrap=True, highlight=False, markup=False)
    chosen_gains = next(one.gains for one in found.candidates if one.run == found.chosen)
    unmeasured = ", ".join(one.task for one in chosen_gains if one.reading == "not measured")
    text = (
        "Better on later rows that neither has learned from, and no task is worse"
        f"{f' as far as measured, which {unmeasured} is not' if unmeasured else ''}: use the new run."
        if found.kept
        else "Not told to be better without a loss: the run of before stays in use."
    )
    console.print(f"{text}\nNext:", soft_wrap=True, highlight=False, markup=False)
    named = " ".join([override_argument("run", found.used), *trusting(trust)])
    lines = {
        "predict or decide with it:": f"{typed('execute')} {named} records=new.csv",
        "look at it:": f"tensorboard --logdir {for_shell(found.used)}",
    }
    for why, what in lines.items():
        console.print(f"  {why:<28} {what}", soft_wrap=True, highlight=False, markup=False)


def changes_table(title: str, columns: tuple[str, str], changes: Iterable[Change]) -> Table:
    """A row for each task: both measurements, the gain with its interval, and what that says."""
    table = Table(title=title, caption="gain: above 0 is better; the intervals hold together at 95 %")
    for name in ("task", "metric"):
        table.add_column(name, overflow="fold")
    for name in (*columns, "gain", "interval"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("", overflow="fold")
    for one in changes:
        before, after = (number(value) for value in (one.before, one.after))
        interval = "-" if one.low is None else f"{number(one.low, '+')} to {number(one.high, '+')}"
        table.add_row(one.task, one.metric, before, after, number(one.gain, "+"), interval, one.reading)
    return table


def number(value: float | None, sign: str = "") -> str:
    """A number with four digits; a dash for none."""
    return "-" if value is None else f"{value:{sign}.4g}"
