"""What a person sees of a sweep: the plan before, a live table during."""

import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mtl.comparison.wording import count_noun
from mtl.runs.directory import Run
from mtl.sweep.plan import Plan
from mtl.sweep.queue import DONE, FAILED, PENDING, RUNNING, RunQueue

INTERVAL = 30.0  # seconds at least between two lines, where there is no terminal


def format_duration(seconds: float) -> str:
    """A duration in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def plan_table(plan: Plan, workers: int, what: str) -> Table:
    """Configurations with their sizes, most epochs (first those in which groups are found) and most seconds."""
    runs = count_noun(len(plan.entries), "run")
    seeds = count_noun(len(plan.configurations[0].entries), "seed")
    shape = f"{count_noun(len(plan.configurations), 'configuration')} x {seeds}"
    total = sum(plan.seconds(one) * len(one.entries) for one in plan.configurations) / max(workers, 1)
    table = Table(
        title=f"{plan.directory.name}, {what}: {shape} = {runs}",
        caption=f"at most {format_duration(total)} with {max(workers, 1)} at once, measured on a few steps of each",
    )
    for column in ("configuration", "parameters", "most epochs", "most steps", "seconds a run"):
        table.add_column(column, justify="left" if column == "configuration" else "right", overflow="fold")
    for one in plan.configurations:
        most = one.budget.epochs
        steps = one.steps * (one.measuring + most)
        epochs = f"{one.measuring} + {most}" if one.measuring else str(most)
        cells = (f"{one.parameters:,}", epochs, f"{steps:,}", f"{plan.seconds(one):.0f}")
        table.add_row(Text(one.label), *cells)
    return table


class Progress:
    """A live table of a sweep, read from the queue; where there is no terminal a line every half a minute.

    Args:
        plan: what is being done.
        workers: how many at once.
        console: where to.
    """

    def __init__(self, plan: Plan, workers: int, console: Console) -> None:
        self.plan, self.workers = plan, max(workers, 1)
        self.queue = RunQueue(plan.output, plan.study.leases, patient=True)
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self.started = self._said = time.perf_counter()
        self._fit: dict[str, float] = {}  # seconds by key of a finished run: reading thousands again takes seconds

    def states(self) -> list[Counter[str]]:
        """Runs of each configuration by state."""
        found = iter(self.queue.states([entry for one in self.plan.configurations for entry in one.entries]))
        return [Counter(islice(found, len(one.entries))) for one in self.plan.configurations]

    def counts(self) -> Counter[str]:
        """Runs by state."""
        return sum(self.states(), Counter())

    def seconds_left(self, states: Sequence[Counter[str]]) -> float:
        """From the durations of finished runs of a configuration where there are any, else from the plan's estimate.

        Args:
            states: runs of each configuration by state.

        Returns:
            Seconds until all are done.
        """
        left = 0.0
        for one, found in zip(self.plan.configurations, states, strict=True):
            waiting = found[PENDING] + 0.5 * found[RUNNING]
            if waiting:
                finished = [self._seconds(run, entry.key) for entry in one.entries if (run := self.queue.known(entry))]
                each = 1.0 + sum(finished) / len(finished) if finished else self.plan.seconds(one)
                left += each * waiting
        return left / self.workers

    def _seconds(self, run: Run, key: str) -> float:
        if key not in self._fit:
            self._fit[key] = run.result.seconds.fit
        return self._fit[key]

    def show(self) -> None:
        """Draw the table again, with what is known now."""
        if self.live.console.is_terminal:
            self.live.update(self.table(), refresh=True)
        elif time.perf_counter() - self._said > INTERVAL:
            self._said = time.perf_counter()
            self.live.console.print(self.line(self.states()), highlight=False, markup=False, soft_wrap=True)

    def line(self, states: Sequence[Counter[str]]) -> str:
        """How many runs are done, and how long the rest is likely to take.

        Args:
            states: runs of each configuration by state.

        Returns:
            The line.
        """
        counts: Counter[str] = sum(states, Counter())
        passed, left = format_duration(time.perf_counter() - self.started), format_duration(self.seconds_left(states))
        counted = f"{counts[DONE]} of {len(self.plan.entries)} done, {counts[FAILED]} failed"
        return f"{counted}, {passed} passed, about {left} left"

    def table(self) -> Group:
        """Runs of each configuration by state, and how long the rest is likely to take."""
        table = Table()
        for column in ("configuration", PENDING, RUNNING, DONE, FAILED):
            table.add_column(column, justify="left" if column == "configuration" else "right", overflow="fold")
        states = self.states()
        for one, found in zip(self.plan.configurations, states, strict=True):
            cells = [str(found[state] or "") for state in (PENDING, RUNNING, DONE, FAILED)]
            table.add_row(
                Text(one.label), *cells, style="red" if found[FAILED] else "dim" if not found[RUNNING] else ""
            )
        return Group(table, Text(self.line(states)))
