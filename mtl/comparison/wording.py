"""Numbers and lists as sentences have them."""

from collections.abc import Iterable


def format_percent(value: float) -> str:
    """A signed percentage with one decimal, two below 1 %."""
    digits = 1 if abs(value) >= 0.01 else 2
    return f"{value * 100:+.{digits}f}\N{NO-BREAK SPACE}%"


def format_p(p: float) -> str:
    """A p-value with two digits that matter."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def count_noun(number: int, what: str) -> str:
    """So many of something."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def join_words(words: Iterable[str]) -> str:
    """a, b and c."""
    *rest, last = words
    return f"{', '.join(rest)} and {last}" if rest else last
