"""Search in what dispatching rules decide: a rule is overruled where that may make a schedule shorter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.loops.arrays import Exact, Floats, Whole
from mtl.suites.scheduling.loops.schedules import build
from mtl.suites.scheduling.mirror import mirrored, turned
from mtl.suites.scheduling.shops import Shops

_PARENTS = 8  # of the shortest different schedules so far, of which further ones are made
_TOGETHER = 4  # schedules that are built before the shortest ones are looked up again
_SOFTNESS = 0.02  # of the draw among moves: estimates that are so much longer, as a share, are e times as rare
_MOST_MOVES = 16  # that are remembered of a schedule, for each operation


@dataclass(frozen=True, eq=False)
class _Built:
    """A schedule that was built.

    Attributes:
        number: of the schedules before it.
        rule: number of the rule.
        row: 0: of the shop; 1: of the mirrored one.
        first: ``[J K]`` the operation for which each one waits; -1: none.
        order: the operations as they were dispatched.
        makespan: of the schedule.
        moves: ``[L, 2]`` pairs of an operation and the one that may go before it.
        estimates: ``[L]`` makespans that these moves may lead to.
        tried: ``[L]`` whether a schedule was made of each.
    """

    number: int
    rule: int
    row: int
    first: Whole
    order: Whole
    makespan: float
    moves: Whole
    estimates: Exact
    tried: NDArray[np.bool_]

    def rank(self) -> tuple[float, int]:
        """The shortest schedule has the lowest one, of equals the newest."""
        return self.makespan, -self.number


class DiscrepancySearch:
    """Builds schedules of one shop, one after the other, with rules that some precedences overrule.

    The first ones are those of the rules: of each that of the shop, and then of each that of the mirrored shop
    (:func:`~mtl.suites.scheduling.mirror.mirrored`). Each further one is made of one of the shortest so far: it keeps
    its rule, its direction and its precedences, and gets one precedence more, a *move*: an operation of a critical path
    has to wait for another candidate of its machine. The rule decides anew from there on. Moves are drawn with
    probabilities ``exp(-estimate / (0.02 best))``, each at most once, where the estimate is the longest path through
    what changes places (:mod:`mtl.suites.scheduling.loops.schedules`), and ``best`` the shortest makespan so far.

    Sources: few decisions against a heuristic: W. D. Harvey, M. L. Ginsberg, "Limited Discrepancy Search", IJCAI 1995,
    https://www.ijcai.org/Proceedings/95-1/Papers/080.pdf; search among the schedules that a heuristic builds of changed
    inputs: R. H. Storer, S. D. Wu, R. Vaccari, "New Search Spaces for Sequencing Problems with Application to Job Shop
    Scheduling", Management Science 38(10), 1992, https://doi.org/10.1287/mnsc.38.10.1495; precedences on critical paths
    as what to change: J. Grabowski, E. Nowicki, S. Zdrzalka, "A block approach for single-machine scheduling with
    release dates and due dates", European Journal of Operational Research 26(2), 1986,
    https://doi.org/10.1016/0377-2217(86)90191-3.

    Deviations: discrepancies are not enumerated but drawn, on critical paths alone; the next ones go out from the
    shortest schedules found, which may have several; rules are several, and build from both ends.

    Args:
        instance: a shop without constraints and alternatives.
        rules: ``[D, F]`` weights of the candidate features.
        seed: of the draws.

    Attributes:
        built: how many schedules were built.
    """

    def __init__(self, instance: JobShop, rules: Floats, seed: int) -> None:
        self.instance, self.rules = instance, rules
        self.shops = Shops.pack([instance, mirrored(instance)]).arrays
        self.random = np.random.default_rng(seed)
        self.schedules: list[_Built] = []
        self.known: set[bytes] = set()
        self.built = 0

    @property
    def makespan(self) -> float:
        """That of the shortest schedule; infinite before there is one."""
        return min((one.makespan for one in self.schedules), default=np.inf)

    def shortest(self, count: int) -> list[tuple[int, list[int]]]:
        """The shortest schedules, whose makespans are all different.

        Args:
            count: how many at most.

        Returns:
            Makespan of each, and the numbers of its operations as they are dispatched, as in
            :class:`~mtl.suites.scheduling.dispatch_order.Operations`. The shortest first; of equals the newest one.
        """
        found: dict[float, _Built] = {}
        for one in sorted(self.schedules, key=_Built.rank):
            found.setdefault(one.makespan, one)
        return [(int(makespan), self._order(one)) for makespan, one in list(found.items())[:count]]

    def _order(self, schedule: _Built) -> list[int]:
        """The operations that exist, numbered one after the other, as the schedule dispatches them from its start."""
        there = self.shops.step_of < self.shops.lengths[schedule.row, self.shops.job_of]
        listed: list[int] = (np.cumsum(there) - 1)[schedule.order].tolist()
        return turned(self.instance, listed) if schedule.row else listed

    def run(self, count: int, enough: float) -> None:
        """Build schedules.

        Args:
            count: how many at most.
            enough: makespan with which the search ends, as none is shorter.
        """
        none = np.full(self.shops.durations.shape[1], -1)
        plain = [(rule, row, none) for row in (0, 1) for rule in range(len(self.rules))]
        while self.built < count and self.makespan > enough:
            size = min(_TOGETHER, count - self.built)
            wanted = plain[self.built : self.built + size] or self._draw(size)
            if not wanted:  # no schedule has a critical operation that another one could precede
                break
            self._build(wanted)

    def _draw(self, count: int) -> list[tuple[int, int, Whole]]:
        """Rule, row and precedences of new schedules, by moves of the shortest ones."""
        parents = sorted(self.schedules, key=_Built.rank)
        parents = [one for one in parents if not one.tried.all()][:_PARENTS]
        open_moves = [(parent, move) for parent in parents for move in np.flatnonzero(~parent.tried)]
        estimates = np.array([parent.estimates[move] for parent, move in open_moves])
        # The largest of scores with Gumbel noise are draws without replacement
        scores = self.random.gumbel(size=len(estimates)) - estimates / (_SOFTNESS * self.makespan)
        drawn = []
        for parent, move in (open_moves[place] for place in np.argsort(-scores)[:count]):
            parent.tried[move] = True
            own, other = parent.moves[move]
            first = parent.first.copy()
            first[own] = other
            drawn.append((parent.rule, parent.row, first))
        return drawn

    def _build(self, wanted: list[tuple[int, int, Whole]]) -> None:
        """Build schedules by rules, rows and precedences; one like another one is counted, and not searched further."""
        rules, rows, first = (np.array(column) for column in zip(*wanted, strict=True))
        most = _MOST_MOVES * self.shops.durations.shape[1]
        built = build(self.shops, self.rules, rules, rows, first, most)
        for number, (rule, row, given) in enumerate(wanted):
            self.built += 1
            order, found = built.orders[number], built.counts[number]
            order = order[order >= 0]
            if (key := bytes([row]) + order.tobytes()) in self.known:
                continue
            self.known.add(key)
            self.schedules.append(
                _Built(
                    self.built,
                    rule,
                    row,
                    given,
                    order,
                    float(built.makespans[number]),
                    built.moves[number, :found].copy(),
                    built.estimates[number, :found].copy(),
                    np.zeros(found, np.bool_),
                )
            )
