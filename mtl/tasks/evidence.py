"""How sure it is that two tasks belong together: means over looks, with standard errors and a null."""

from collections.abc import Sequence
from math import isqrt
from typing import NamedTuple

import torch
from scipy.special import stdtrit
from torch import Tensor

LEVEL = 0.05  # chance that any pair of unrelated tasks is taken for a related one


class Evidence(NamedTuple):
    """What looks at K tasks say of their pairs.

    Attributes:
        mean: affinity of the row's task onto the column's, mean over looks, ``[K, K]``.
        null: the same where the one task's errors say nothing of the inputs, ``[K, K]``.
        error: standard error of :attr:`difference`, ``[K, K]``, symmetric; infinite where fewer than two batches of
            looks know the pair, NaN on the diagonal.
        degrees: of freedom of all errors together.
    """

    mean: Tensor
    null: Tensor
    error: Tensor
    degrees: int

    @property
    def difference(self) -> Tensor:
        """Mean of both directions, less that of the null, ``[K, K]``."""
        return mutual(self.mean - self.null)

    @property
    def margin(self) -> Tensor:
        """The least difference that the looks allow, ``[K, K]``; below 0 where it may well be chance.

        ``difference - t * e`` with e the root of the mean squared error of all pairs, and t the quantile of Student's
        distribution at which, with as many pairs as there are, none is above 0 by chance in 95 % of the cases
        (Bonferroni). One error for all pairs, because a single pair has too few batches of looks to tell its own. The
        pairs are taken for independent, which they are not quite: the chance is a target, not a proof.
        """
        tasks = len(self.mean)
        pairs = tasks * (tasks - 1) // 2
        if not pairs:
            return torch.zeros_like(self.mean)
        known = self.error[self.error.isfinite()]
        if not len(known) or self.degrees < 1:
            return torch.full_like(self.mean, -torch.inf)
        quantile = float(stdtrit(self.degrees, 1 - LEVEL / pairs))
        margin = self.difference - quantile * known.square().mean().sqrt()
        return torch.where(self.error.isinf(), -torch.inf, margin)


def weigh(affinities: Sequence[Tensor], nulls: Sequence[Tensor]) -> Evidence:
    """The evidence in a series of looks, which depend on those shortly before them.

    Args:
        affinities: ``[K, K]`` at each look, of the row's task onto the column's; NaN: not known.
        nulls: the same where the tasks are unrelated.

    Returns:
        Means, and the standard errors of their mutual differences by :func:`batch_means_error`.
    """
    seen, null = torch.stack(list(affinities)).double(), torch.stack(list(nulls)).double()
    difference = mutual(seen - null)
    tasks = seen.shape[1]
    error = torch.full((tasks, tasks), torch.nan, dtype=torch.double)
    degrees = 0
    for i in range(tasks):
        for j in range(i):
            series = difference[:, i, j]
            series = series[series.isfinite()]
            error[i, j] = error[j, i] = batch_means_error(series)
            degrees += max(0, batches(len(series)) - 1)
    return Evidence(seen.nanmean(0).nan_to_num(0.0), null.nanmean(0).nan_to_num(0.0), error, degrees)


def batch_means_error(series: Tensor) -> float:
    """Standard error of the mean of a stationary series ``[n]``, whose neighbours may be correlated.

    The series is cut into b batches of ``floor(sqrt(n))`` neighbours, and ``std(means of the batches) / sqrt(b)`` is
    the error: means of long batches are nearly independent. The first ones are left over where n does not divide.

    Source: Flegal and Jones, "Batch means and spectral variance estimators in Markov chain Monte Carlo", Annals of
    Statistics 38 (2010), https://doi.org/10.1214/09-AOS735 (section 3).

    Args:
        series: of finite numbers.

    Returns:
        The standard error; infinite for fewer than two numbers.
    """
    count = batches(len(series))
    if count < 2:
        return torch.inf
    size = isqrt(len(series))
    means = series[len(series) - count * size :].view(count, size).mean(1)
    return float(means.std() / count**0.5)


def batches(looks: int) -> int:
    """How many batches of neighbours so many looks make."""
    return looks // isqrt(looks) if looks else 0


def mutual(matrix: Tensor) -> Tensor:
    """The mean of both directions of each pair, ``[..., K, K]``."""
    return (matrix + matrix.transpose(-1, -2)) / 2
