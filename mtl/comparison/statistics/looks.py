"""How often one may look at a result that grows, and what each look may spend of the error rate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mtl.comparison.statistics.estimate import NO_INTERVAL, Interval


@dataclass(frozen=True)
class Look:
    """One look at a result.

    Attributes:
        seeds: how many it was made with.
        alpha: what the look spends of the error rate.
        interval: what is known after it: the intersection of its own interval with those of the looks before.
        call: what that says; one of the calls of :mod:`mtl.comparison.types`.
    """

    seeds: int
    alpha: float
    interval: Interval
    call: str


def spend(alpha: float, looks: int) -> list[float]:
    """What each of so many looks spends: in proportion to 1, 2, 3, ..., so that later ones, with more seeds, get more.

    The sum is ``alpha``, so by Bonferroni's inequality all intervals of the looks hold together with probability
    1 - alpha, however the looks depend on each other, and so does their intersection. Stopping at any of them is no
    peeking.
    """
    parts = looks * (looks + 1) / 2
    return [alpha * (look + 1) / parts for look in range(looks)]


def intersect(intervals: Iterable[Interval]) -> Interval:
    """What all intervals hold in common; of those that are disjoint, where one must be wrong, the last one."""
    low, high = NO_INTERVAL
    for one_low, one_high in intervals:
        if one_low != one_low:  # unknown: says nothing
            continue
        if low != low:
            low, high = one_low, one_high
        else:
            low, high = max(low, one_low), min(high, one_high)
        if low > high:
            low, high = one_low, one_high
    return low, high


def complete_looks(planned: Sequence[int], seeds: int) -> list[int]:
    """The planned looks that so many finished seeds allow."""
    return [look for look in planned if look <= seeds]
