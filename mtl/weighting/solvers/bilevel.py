"""The direction of steepest common descent that also comes nearer to the optimum of a lower problem."""

import numpy as np
from scipy.optimize import minimize

from mtl.weighting.solvers.quadratic import Array

PRECISION = 1e-12


def shares_beside_constraint(gramian: Array, inner: Array, square: float, rho: float) -> Array:
    """``argmin |sum_i l_i F_i + nu q|^2 - rho nu |q|^2`` over l of the simplex and ``nu >= max(sum_i l_i pi_i, 0)``.

    With ``pi_i = rho - <q, F_i> / |q|^2``: the direction ``-(sum_i l_i F_i + nu q)`` lowers q by at least
    ``rho |q|^2`` for a step of length 1.

    Args:
        gramian: ``<F_i, F_j> [M, M]``.
        inner: ``<q, F_i> [M]``.
        square: ``|q|^2``, above 0.
        rho: above 0.

    Returns:
        l ``[M]``.
    """
    count, length = len(gramian), float(np.sqrt(square))
    along, least = inner / length, rho * length  # q of length 1, nu in its units
    quadratic = np.block([[gramian, along[:, None]], [along[None], np.ones((1, 1))]])
    unit = max(least, 1.0) ** 2

    def value(x: Array) -> float:
        return float(x @ quadratic @ x - least * x[-1]) / unit

    def slope(x: Array) -> Array:
        out: Array = 2 * quadratic @ x
        out[-1] -= least
        return out / unit

    start = np.full(count, 1 / count)
    ahead = np.concatenate([along, [1.0]])  # nu >= least - <q, sum_i l_i F_i>
    found = minimize(
        value,
        np.append(start, max(least - along @ start, 0.0)),
        jac=slope,
        method="SLSQP",
        bounds=[(0.0, None)] * (count + 1),
        constraints=[
            {"type": "eq", "fun": lambda x: x[:-1].sum() - 1, "jac": lambda _: np.append(np.ones(count), 0.0)},
            {"type": "ineq", "fun": lambda x: ahead @ x - least, "jac": lambda _: ahead},
        ],
        options={"ftol": PRECISION, "maxiter": 200},
    )
    shares = np.maximum(found.x[:-1], 0.0)
    out: Array = shares / shares.sum()
    return out
