"""Groups of tasks: those in which the evidence that tasks belong together is strongest."""

from collections.abc import Callable
from functools import cache
from itertools import combinations

from torch import Tensor

from mtl.errors import InputError

Gain = Callable[[frozenset[int]], float]
EXACT = 12  # tasks up to which all ways of grouping are compared; 3^12 steps take a second
WORST = 1e6  # in place of infinity, which cannot be added up


def best_groups(margin: Tensor, budget: int | None = None) -> list[list[int]]:
    """Tasks in the groups for which the sum of the margins within them is highest, which says how many there are.

    A pair with a margin above 0 belongs together, one below 0 apart: the objective of correlation clustering (Bansal,
    Blum and Chawla, Machine Learning 56, 2004, https://doi.org/10.1023/B:MACH.0000033116.57574.95) with weighted pairs.
    With up to 12 tasks all ways are compared; with more, the two groups whose union gains most are joined as long as it
    gains something, or there are too many groups.

    Args:
        margin: ``[K, K]``, how much speaks for putting two tasks together, both directions alike.
        budget: most groups, at least 1; None: K.

    Returns:
        Indices of the tasks of each group, both in rising order.
    """
    tasks = len(margin)
    networks = tasks if budget is None else budget
    if networks < 1:
        raise InputError(f"budget={budget}: at least one network is needed")
    values = margin.clamp(min=-WORST, max=WORST).tolist()

    @cache
    def gain(group: frozenset[int]) -> float:
        total: float = sum((values[i][j] + values[j][i]) / 2 for i, j in combinations(sorted(group), 2))
        return total

    groups = _exact(tasks, networks, gain) if tasks <= EXACT else _joined(tasks, networks, gain)
    return sorted(sorted(group) for group in groups)


def _exact(tasks: int, budget: int, gain: Gain) -> list[frozenset[int]]:
    """The best groups of all, by the tasks that are still to be placed."""

    @cache
    def best(left: frozenset[int], networks: int) -> tuple[float, tuple[frozenset[int], ...]]:
        if not left:
            return 0.0, ()
        first, others = min(left), sorted(left - {min(left)})
        options = []
        for size in range(len(others) + 1):
            for friends in combinations(others, size):
                group = frozenset((first, *friends))
                rest = left - group
                if networks > 1 or not rest:
                    value, groups = best(rest, networks - 1)
                    options.append((gain(group) + value, (group, *groups)))
        return max(options, key=lambda option: option[0])

    return list(best(frozenset(range(tasks)), budget)[1])


def _joined(tasks: int, budget: int, gain: Gain) -> list[frozenset[int]]:
    """Groups by joining two at a time, as long as there are too many or it gains something."""
    groups = [frozenset((i,)) for i in range(tasks)]
    while len(groups) > 1:
        change, a, b = max(
            ((gain(a | b) - gain(a) - gain(b), a, b) for a, b in combinations(groups, 2)), key=lambda option: option[0]
        )
        if len(groups) <= budget and change <= 0:
            break
        groups = [group for group in groups if group not in (a, b)] + [a | b]
    return groups
