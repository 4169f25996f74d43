"""The combination of gradients on which all of them project alike."""

import numpy as np
from torch import Tensor

from mtl.weighting.solvers.quadratic import array, least_norm, tensor

LEAST_SUM = 1e-9


def equal_projections(gramian: Tensor) -> Tensor:
    """``w`` with sum 1 and ``g_i'd / |g_i|`` the same for all i, ``d = J'w``: proportional to ``G^+ n``, ``n_i =
    |g_i|``.

    Computed in unit gradients: ``w_i = y_i / |g_i|``, ``y = C^+ 1`` with the cosines C. Where the weights cannot be
    scaled to sum 1 (their sum is 0, as for opposed gradients) they are all 0: no direction projects alike. A zero
    gradient has weight 0.
    """
    g = array(gramian)
    n = np.sqrt(g.diagonal().clip(min=0))
    out = np.zeros(len(g))
    live = n > 1e-15 * n.max() if n.max() > 0 else np.zeros(len(g), dtype=bool)
    if live.any():
        cosines = g[np.ix_(live, live)] / np.outer(n[live], n[live])
        y = least_norm(cosines, np.ones(len(cosines)))
        w = y / (n[live] / n.max())
        total = w.sum()
        if abs(total) > LEAST_SUM * np.abs(w).sum():
            out[live] = w / total
    return tensor(out, gramian)
