"""Numbers and lists as sentences have them."""

from collections.abc import Iterable
from math import isfinite

from mtl.comparison.types import Evidence


def format_percent(value: float) -> str:
    """A signed percentage with one decimal, two below 1 %."""
    if not isfinite(value):
        return "not measured"
    digits = 1 if abs(value) >= 0.01 else 2
    return f"{value * 100:+.{digits}f}\N{NO-BREAK SPACE}%"


def format_size(value: float) -> str:
    """The size of a difference, without a sign."""
    return format_percent(abs(value)).removeprefix("+")


def format_stated(value: float, decimals: int = 0) -> str:
    """A share that somebody chose, as percent: with as many decimals as it has, since less of them may claim more.

    Args:
        value: 0.999 for 99.9 %.
        decimals: at least so many.

    Returns:
        Such as ``99.9%``.
    """
    own = len(f"{100 * value:.9f}".rstrip("0").partition(".")[2])
    return f"{100 * value:.{max(own, decimals)}f}%"


def format_interval(interval: tuple[float, float]) -> str:
    """An interval as words; empty where it is not known."""
    low, high = interval
    return f"{format_percent(low)} to {format_percent(high)}" if isfinite(low) else ""


def interval_in_words(evidence: Evidence) -> str:
    """An interval in a sentence; of what is the same in every run that instead, where an interval has no width."""
    if evidence.no_row_differs and evidence.interval[0] == evidence.interval[1]:
        return "the same predictions in every run"
    said = format_interval(evidence.interval) or "no interval"
    return f"{said}, no test row differs in any run" if evidence.no_row_differs else said


def count_noun(number: int, what: str) -> str:
    """So many of something."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def join_words(words: Iterable[str]) -> str:
    """a, b and c."""
    *rest, last = words
    return f"{', '.join(rest)} and {last}" if rest else last
