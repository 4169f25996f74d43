"""What each row of a test contributes to any metric: it is measured again without one group of the rows at a time."""

from collections.abc import Mapping
from math import isclose

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_sum

from mtl.tasks.measuring import by_one_process, computed

GROUPS = 200  # of rows, at most: so often is the metric measured
PIECE = 4096  # rows that a metric is given at once
SAME = 1e-5  # relative and absolute difference of a metric from itself, by rounding


def group_jackknife(metric: Metric, prediction: Tensor, target: Tensor) -> Tensor:
    """The delete-a-group jackknife of a metric, divided among the rows.

    Source: Busing, Meijer, van der Leeden, "Delete-m jackknife for unequal m", Statistics and Computing 1999,
    https://doi.org/10.1023/A:1008800423698.

    Row r of m is in group ``r mod G`` with ``G = min(200, m)``, so that the same rows are in one group for every
    network. With ``T`` the metric, ``T_g`` the metric without the ``n_g`` rows of group g and ``h_g = m / n_g``, the
    pseudo-values are ``P_g = h_g T - (h_g - 1) T_g``, and the variance of T is estimated by ::

        V = 1/G sum_g (P_g - P)^2 / (h_g - 1),        P = 1/m sum_g n_g P_g

    All rows of a group get the same contribution, ``T + d_g`` with ``d_g = (P_g - P) m / sqrt(G (m - n_g))``. The
    factor is chosen so that rows may be taken for independent ones: ``sum_r d_r^2 / m^2 = V``. (With P_g itself the sum
    would be n_g V, as the n_g rows of a group would count n_g times.) With up to 200 rows this is the jackknife that
    leaves out one row at a time.

    Deviation: the d_g are moved by their mean over the rows, so that the mean of the contributions is T. It is 0 for
    groups of one size, and else far smaller than a standard error.

    Args:
        metric: a template, which stays as it is.
        prediction: decoded, ``[m, ...]``.
        target: ``[m, ...]``.

    Returns:
        ``[m]`` in double precision; NaN where the rows without one of the groups do not define the metric.
    """
    rows = len(target)
    own = by_one_process(metric.clone())
    whole = _measured(own, prediction, target)
    if rows < 2:
        return torch.full((rows,), whole, dtype=torch.float64)
    groups = min(GROUPS, rows)
    group = torch.arange(rows) % groups
    size = group.bincount().double()  # [G]
    without = _by_sums(own, prediction, target, groups, whole) if _is_sums(own) else None
    if without is None:
        without = [_measured(own, prediction[group != g], target[group != g]) for g in range(groups)]
    rest = rows - size
    pseudo = (rows * whole - rest * torch.tensor(without, dtype=torch.float64)) / size  # [G]
    deviation = (pseudo - (size * pseudo).sum() / rows) * rows / (groups * rest).sqrt()
    found = deviation[group]
    return whole + found - found.mean()


def _measured(metric: Metric, prediction: Tensor, target: Tensor) -> float:
    """The metric of these rows."""
    metric.reset()
    for start in range(0, len(target), PIECE):
        metric.update(prediction[start : start + PIECE], target[start : start + PIECE])
    return computed(metric)


def _is_sums(metric: Metric) -> bool:
    """Whether all that a metric keeps of rows is sums over them, which processes would add up."""
    kept = metric._defaults.values()
    return bool(kept) and all(
        isinstance(one, Tensor) and reduction is dim_zero_sum
        for one, reduction in zip(kept, metric._reductions.values(), strict=True)
    )


def _by_sums(metric: Metric, prediction: Tensor, target: Tensor, groups: int, whole: float) -> list[float] | None:
    """The metric without each group, from the sums of each: every row is looked at once and not 200 times.

    With an answer for every pixel that takes minutes, and copies of all rows but a group take as much memory as these.

    Args:
        metric: keeps sums; it is used.
        prediction: decoded, ``[m, ...]``.
        target: ``[m, ...]``.
        groups: G; row r is in group ``r mod G``.
        whole: the metric of all rows.

    Returns:
        G numbers; None where the sums do not give the metric of all rows, as of one that averages over what it is
        given at once.
    """
    own: list[dict[str, Tensor]] = []
    for g in range(groups):
        _measured(metric, prediction[g::groups].contiguous(), target[g::groups].contiguous())
        own.append({name: getattr(metric, name).detach().clone() for name in metric._defaults})
    kinds = {name: value.dtype for name, value in own[0].items()}
    exact = {name: torch.float64 if kind.is_floating_point else kind for name, kind in kinds.items()}
    total = {name: torch.stack([part[name].to(exact[name]) for part in own]).sum(0) for name in kinds}

    def of(sums: Mapping[str, Tensor]) -> float:
        metric._computed = None
        for name, value in sums.items():
            setattr(metric, name, value.to(kinds[name]))
        return computed(metric)

    if not isclose(of(total), whole, rel_tol=SAME, abs_tol=SAME):
        return None
    return [of({name: total[name] - part[name].to(exact[name]) for name in kinds}) for part in own]
