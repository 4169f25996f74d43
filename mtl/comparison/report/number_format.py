"""Numbers as a reader wants them: the same in HTML, Markdown and on the terminal."""

from math import isfinite

from mtl.comparison.types import HELPS, HURTS, SAME, Evidence
from mtl.comparison.wording import format_interval, format_percent

# Not by colour alone
MARKS = {HELPS: "▲", HURTS: "▼", SAME: "="}


def gain(one: Evidence) -> str:
    """A mean gain with the mark of its call."""
    if not isfinite(one.mean):
        return "not measured"
    return f"{format_percent(one.mean)} {MARKS.get(one.call, '')}".rstrip()


def interval(one: Evidence) -> str:
    """Its interval; empty where nothing is claimed. Of what is the same in every run that, in place of no width."""
    if one.no_row_differs and not one.interval[0] < one.interval[1]:
        return "the same in every run"
    return format_interval(one.interval).replace("\N{NO-BREAK SPACE}%", "")


def value(number: float, sd: float = float("nan")) -> str:
    """Four digits that matter, with the standard deviation where there is one."""
    if not isfinite(number):
        return "-"
    return f"{number:.4g}" + (f" ± {sd:.2g}" if isfinite(sd) else "")


def share(number: float) -> str:
    """A part of a whole."""
    return f"{number * 100:.1f} %" if isfinite(number) else "-"


def rank(number: float) -> str:
    """A mean rank; a dash where a task was not measured."""
    return f"{number:.2f}" if isfinite(number) else "-"


def count(number: float) -> str:
    """A large number."""
    return f"{number:,.0f}" if isfinite(number) else "-"


def spread(low: float, high: float) -> str:
    """The extremes of a duration; empty where they read the same."""
    return "" if seconds(low) == seconds(high) else f"{seconds(low)} to {seconds(high)}"


def seconds(number: float) -> str:
    """A duration: seconds, or milliseconds below a tenth of one."""
    if not isfinite(number):
        return "-"
    return f"{number:.1f} s" if number >= 0.1 else f"{number * 1000:.2f} ms"


def megabytes(number: float) -> str:
    """A size in memory."""
    return f"{number / 1e6:,.0f} MB" if isfinite(number) else "-"
