"""Figures of several rounds as one: the median, and the lowest and highest."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Of a figure that was taken in several rounds.

    Attributes:
        median: of all rounds.
        low: the lowest of them.
        high: the highest.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratios(times: Mapping[str, Sequence[float]], reference: str) -> dict[str, list[float]]:
    """By name, the times relative to those of the reference in the same rounds."""
    return {
        name: [one / other for one, other in zip(values, times[reference], strict=True)]
        for name, values in times.items()
    }
