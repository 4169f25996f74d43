"""The combination of gradients on which all of them project alike."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mtl.weighting.solvers.quadratic import Array, array, least_norm, tensor

LEAST_SUM = 1e-9
LEAST_LENGTH = 1e-15


def equal_projections(gramian: Tensor) -> Tensor:
    """``w`` with sum 1 and ``g_i'd / |g_i|`` the same for all i, ``d = J'w``.

    It is proportional to ``G^+ n``, ``n_i = |g_i|``. Computed in unit gradients: ``w_i = y_i / |g_i|``, ``y = C^+ 1``
    with the cosines C. Where the weights cannot be scaled to sum 1 (their sum is 0, as for opposed gradients) they are
    all 0: no direction projects alike. A zero gradient has weight 0.

    Args:
        gramian: G, ``[K, K]``.

    Returns:
        ``w [K]``.
    """
    g = array(gramian)
    out = np.zeros(len(g))
    nonzero, n, cosines = cosines_of(g)
    if len(nonzero):
        w = least_norm(cosines, np.ones(len(n))) / (n / max(n.tolist()))
        total = sum(w.tolist())
        if abs(total) > LEAST_SUM * sum(map(abs, w.tolist())):
            out[nonzero] = w / total
    return tensor(out, gramian)


def cosines_of(gramian: Array) -> tuple[NDArray[np.intp], Array, Array]:
    """Of the gradients that are not zero beside the longest: which they are, their lengths, and their cosines."""
    lengths = np.sqrt(np.maximum(gramian.diagonal(), 0.0))
    nonzero = np.flatnonzero(lengths > LEAST_LENGTH * max(lengths.tolist()))
    if len(nonzero) < len(lengths):
        lengths, gramian = lengths[nonzero], gramian[np.ix_(nonzero, nonzero)]
    return nonzero, lengths, gramian / lengths / lengths[:, None]
