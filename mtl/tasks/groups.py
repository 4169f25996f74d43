"""Groups of tasks: those in which the tasks help each other most, by measured affinities."""

from collections.abc import Callable
from functools import cache
from itertools import combinations

from torch import Tensor

from mtl.errors import InputError

Gain = Callable[[frozenset[int]], float]
EXACT = 12  # tasks up to which all ways of grouping are compared; 3^12 steps take a second


def best_groups(affinity: Tensor, budget: int) -> list[list[int]]:
    """Tasks in at most ``budget`` groups such that the affinities within them are highest.

    A task's gain is the mean affinity onto it of the others in its group, 0 when it is alone; the groups are those with
    the highest sum of gains (after Fifty et al.; there a task may also be trained in further groups). With up to 12
    tasks all ways are compared; with more, the two groups whose union loses least are joined until the budget is met.

    Args:
        affinity: ``[K, K]``, of row i onto column j.
        budget: most groups, at least 1.

    Returns:
        Indices of the tasks of each group, both in rising order.
    """
    tasks = len(affinity)
    if budget < 1:
        raise InputError(f"budget={budget}: at least one network is needed")
    values = affinity.tolist()

    @cache
    def gain(group: frozenset[int]) -> float:
        if len(group) == 1:
            return 0.0
        total: float = sum(values[i][j] for i in group for j in group if i != j)
        return total / (len(group) - 1)

    groups = _exact(tasks, budget, gain) if tasks <= EXACT else _joined(tasks, budget, gain)
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
