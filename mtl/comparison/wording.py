"""Numbers and lists as sentences have them."""

from collections.abc import Iterable
from math import isclose, isfinite

DIGITS = 7  # decimals that a share may need


def format_percent(value: float) -> str:
    """A signed percentage with one decimal, two below 1 %."""
    if not isfinite(value):
        return "not measured"
    digits = 1 if abs(value) >= 0.01 else 2
    return f"{value * 100:+.{digits}f}\N{NO-BREAK SPACE}%"


def format_share(share: float, decimals: int = 0) -> str:
    """A share that a person has set, in percent, never rounded to another one: 0.999 is no certainty.

    Args:
        share: 0 to 1.
        decimals: to be shown at least.

    Returns:
        Such as ``95%``.
    """
    every = (f"{share:.{places}%}" for places in range(decimals, DIGITS))
    return next((text for text in every if isclose(float(text[:-1]) / 100, share)), f"{share * 100:g}%")


def format_size(value: float) -> str:
    """The size of a difference, without a sign."""
    return format_percent(abs(value)).removeprefix("+")


def format_interval(interval: tuple[float, float]) -> str:
    """An interval as words; empty where it is not known."""
    low, high = interval
    return f"{format_percent(low)} to {format_percent(high)}" if isfinite(low) else ""


def count_noun(number: int, what: str) -> str:
    """So many of something."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def join_words(words: Iterable[str]) -> str:
    """a, b and c."""
    *rest, last = words
    return f"{', '.join(rest)} and {last}" if rest else last
