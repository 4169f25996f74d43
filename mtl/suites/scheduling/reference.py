"""What a makespan is compared with, and what it is called."""

from heapq import heappop, heappush
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Kind = Literal["optimum", "best known", "lower bound"]


class Reference(NamedTuple):
    """A makespan to compare with.

    Attributes:
        makespan: of the best schedule known, or a lower bound.
        kind: ``optimum`` means proven.
        source: of a lower bound: who proved it.
    """

    makespan: int
    kind: Kind
    source: str = ""

    @property
    def label(self) -> str:
        """What a gap to it is called."""
        return f"{self.kind} ({self.source})" if self.source else self.kind


def one_machine_bound(heads: NDArray[np.int64], durations: NDArray[np.int64], tails: NDArray[np.int64]) -> int:
    """The smallest makespan of the operations of one machine where they may be interrupted: a lower bound.

    Of the operations that have arrived, the one with the largest tail runs; a later one with a larger tail interrupts
    it. The result is ``max_S min head(S) + sum duration(S) + min tail(S)`` over all sets S of operations (J. Carlier,
    "The one-machine sequencing problem", European Journal of Operational Research 11(1), 1982,
    https://doi.org/10.1016/S0377-2217(82)80007-6).

    Args:
        heads: earliest starts, ``[n]``.
        durations: ``[n]``.
        tails: what the job needs after the operation, ``[n]``.

    Returns:
        The bound; 0 without operations.
    """
    arriving = sorted(zip(heads.tolist(), durations.tolist(), tails.tolist(), strict=True))
    waiting: list[tuple[int, int]] = []  # minus the tail, and what is left of the operation
    moment, end, arrived = 0, 0, 0
    while waiting or arrived < len(arriving):
        if not waiting:
            moment = max(moment, arriving[arrived][0])
        while arrived < len(arriving) and arriving[arrived][0] <= moment:
            heappush(waiting, (-arriving[arrived][2], arriving[arrived][1]))
            arrived += 1
        tail, left = heappop(waiting)
        until = arriving[arrived][0] if arrived < len(arriving) else moment + left
        if until - moment < left:
            heappush(waiting, (tail, left - (until - moment)))
            moment = until
        else:
            moment += left
            end = max(end, moment - tail)
    return end
