"""How far an improvement is: a bar on a terminal, lines where there is none, and what came of each round on both."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from mtl.agent.improvement.base import Progress
from mtl.config.run_result import GainResult, RoundResult

INTERVAL = 30.0  # seconds at least between two lines
TITLE = "improving by acting"


class ImprovementProgress:
    """Shows the progress of an improvement on standard error.

    Args:
        shown: whether to say anything.
        console: where to; None: standard error.
        interval: seconds at least between two lines where there is no terminal.
    """

    def __init__(self, *, shown: bool, console: Console | None = None, interval: float = INTERVAL) -> None:
        self.shown, self.interval = shown, interval
        self.console = console or Console(stderr=True)
        columns = (TextColumn(TITLE), BarColumn(bar_width=20), MofNCompleteColumn(), TimeRemainingColumn())
        on_terminal = shown and self.console.is_terminal
        self.bar = Bar(
            *columns, TextColumn("{task.fields[said]}"), console=self.console, transient=True, disable=not on_terminal
        )
        self.lines = shown and not self.console.is_terminal
        self._task = self.bar.add_task("", total=None, said="")
        self._began, self._done_before, self._rounds = time.perf_counter(), -1, -1
        self._said = -interval  # long ago, so that the first step is said

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show one step."""
        if self._done_before < 0:  # what an earlier process has done took other seconds
            self._done_before, self._rounds = progress.done - 1, max(0, len(progress.rounds) - (not progress.values))
        for one in progress.rounds[self._rounds :]:
            self._print(round_sentence(one))
        self._rounds = len(progress.rounds)
        said = said_of(progress)
        self.bar.update(self._task, total=progress.total, completed=progress.done, said=said)
        passed = time.perf_counter() - self._began
        over = progress.done == progress.total
        if self.lines and progress.values and (over or passed - self._said >= self.interval):
            self._said = passed
            each = passed / max(progress.done - self._done_before, 1)
            left = "" if over else f"  about {(progress.total - progress.done) * each:,.0f} s left"
            self._print(f"{TITLE} {progress.done}/{progress.total}  {said}{left}")

    def _print(self, text: str) -> None:
        if self.shown:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def said_of(progress: Progress) -> str:
    """The stage and what was measured last."""
    values = [f"{name} {100 * value:+.2f} %" for name, value in progress.values.items()]
    return "  ".join([*([progress.stage] if progress.stage else []), *values])


def round_sentence(one: RoundResult) -> str:
    """What came of a round, in a line."""
    kept = "kept" if one.kept else "not kept, the network of before goes on"
    worse = [name for name, gain in one.groups.items() if gain.high < 0.0]
    because = f", worse at {', '.join(worse)}" if worse else ""
    return f"round {one.number}: gain {gain_text(one.gain)}{because}: {kept}"


def gain_text(gain: GainResult) -> str:
    """A gain with its interval, in percentage points."""
    return f"{100 * gain.mean:+.2f} points ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})"
