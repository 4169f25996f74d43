"""Numbers divided into groups of like ones."""

import numpy as np

from mtl.weighting.solvers.quadratic import Array


def means_of_clusters(values: Array, groups: int) -> Array:
    """Each number replaced by the mean of its cluster, of at most ``groups``, by k-means.

    On a line the clusters of the least sum of squared distances to their means are intervals, so it is found exactly:
    the best division of the n smallest numbers into g clusters is the best of m of them into ``g - 1``, and the rest.

    Args:
        values: ``[M]``.
        groups: most clusters.

    Returns:
        ``[M]``.
    """
    order = np.argsort(values, kind="stable")
    line = values[order]
    count, groups = len(line), min(groups, len(line))
    sums = np.concatenate([[0.0], np.cumsum(line)])
    squares = np.concatenate([[0.0], np.cumsum(line**2)])

    def spread(start: int, stop: int) -> float:
        total = sums[stop] - sums[start]
        return float(squares[stop] - squares[start] - total * total / (stop - start))

    # Of the first n numbers in so many clusters: the least spread, and where the last cluster begins
    least = [spread(0, n) if n else 0.0 for n in range(count + 1)]
    begins = [[0] * (count + 1)]
    for _ in range(groups - 1):
        found = [(min((least[m] + spread(m, n), m) for m in range(n)) if n else (0.0, 0)) for n in range(count + 1)]
        least, starts = [one for one, _ in found], [m for _, m in found]
        begins.append(starts)
    out = np.empty_like(line)
    stop = count
    for starts in reversed(begins):
        start = starts[stop]
        out[order[start:stop]] = line[start:stop].mean() if stop > start else 0.0
        stop = start
    return out
