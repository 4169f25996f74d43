"""Normalisation by the name that stands in a YAML."""

import warnings

import torch
from torch import Tensor, nn
from torch.nn import Parameter, functional
from torch.nn.modules.batchnorm import _BatchNorm

from mtl.errors import unknown
from mtl.nn.stacked import StackedLayerNorm

NORMS = ("none", "layer", "group", "batch", "per_task", "per_task_statistics")
GROUPS = (8, 4, 2, 1)
MEMBERS = 4  # features of a group, at least: normalising a single value leaves nothing of it
MOMENTUM, SMALLEST = 0.1, 1e-5  # as torch's batch norms have them


class FeaturesLast(nn.Module):
    """A norm of torch's that wants the features second, for features that come last: ``[B, ..., D] -> [B, ..., D]``.

    In training, a single value of each feature has no variance: a batch norm then takes its running statistics, and
    leaves them as they are.
    """

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, hidden: Tensor) -> Tensor:
        """Normalise."""
        if self.training and hidden.numel() == hidden.shape[-1] and isinstance(self.norm, _BatchNorm):
            return self._by_running_statistics(self.norm, hidden)
        out: Tensor = self.norm(hidden.movedim(-1, 1)).movedim(1, -1)
        return out

    @staticmethod
    def _by_running_statistics(norm: _BatchNorm, hidden: Tensor) -> Tensor:
        mean, variance = norm.running_mean, norm.running_var
        return functional.batch_norm(
            hidden.movedim(-1, 1), mean, variance, norm.weight, norm.bias, eps=norm.eps
        ).movedim(1, -1)


class PerTaskBatchNorm(FeaturesLast):
    """A batch norm of which each task has one, where a trunk runs once per task (:class:`~mtl.nn.trunks.Trunks`).

    Args:
        norm: torch's batch norm.
        own_affine: scale and shift are each task's own too, not only the statistics.
    """

    def __init__(self, norm: nn.Module, own_affine: bool) -> None:
        super().__init__(norm)
        self.own_affine = own_affine


class PerSourceBatchNorm(nn.Module):
    """Batch norm of which every source of rows has statistics of its own: ``[B, D] -> [B, D]``.

    Source: Chang, You, Seo, Kwak, Han, "Domain-Specific Batch Normalization for Unsupervised Domain Adaptation", CVPR
    2019, https://arxiv.org/abs/1906.03950.

    With ``m_s, v_s`` mean and variance of the rows of source s, a row of it becomes ``(h - m_s) / sqrt(v_s + 1e-5) *
    scale_s + shift_s``. In training they are those of the batch, where the source has at least two rows in it, and else
    running ones, as in evaluation. The batch is that of one process, as in torch's batch norms.

    Args:
        sources: S.
        features: D.
        own_affine: scale and shift are each source's own too.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, sources: int, features: int, own_affine: bool) -> None:
        super().__init__()
        shape = (sources if own_affine else 1, features)
        self.scale = Parameter(torch.ones(shape))
        self.shift = Parameter(torch.zeros(shape))
        self.register_buffer("mean", torch.zeros(sources, features))
        self.register_buffer("variance", torch.ones(sources, features))

    def forward(self, hidden: Tensor, source: Tensor) -> Tensor:
        """Normalise; ``source [B, S]`` is 1 where the row comes from."""
        with torch.autocast(hidden.device.type, enabled=False):  # sums of many squares
            values, source = hidden.float(), source.float()
            mean, variance = self._statistics(values, source) if self.training else (self.mean, self.variance)
            normal = (values - source @ mean) * (source @ variance + SMALLEST).rsqrt()
            if len(self.scale) == 1:
                return torch.addcmul(self.shift, normal, self.scale)
            return torch.addcmul(source @ self.shift, normal, source @ self.scale)

    def _statistics(self, values: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each source, ``[S, D]`` each; running ones are brought up to date."""
        rows = source.sum(0).unsqueeze(1)  # [S, 1]
        several = rows > 1
        mean = source.T @ values / rows.clamp(min=1)
        variance = source.T @ (values - source @ mean).square() / rows.clamp(min=1)
        with torch.no_grad():
            unbiased = variance * rows / (rows - 1).clamp(min=1)
            self.mean.copy_(torch.where(several, self.mean.lerp(mean, MOMENTUM), self.mean))
            self.variance.copy_(torch.where(several, self.variance.lerp(unbiased, MOMENTUM), self.variance))
        return torch.where(several, mean, self.mean.clone()), torch.where(several, variance, self.variance.clone())


def warn_of_batch_norm(network: nn.Module, reason: str) -> None:
    """Warn if a network has batch norm, which for some reason would mix statistics of unlike rows."""
    if any(isinstance(module, _BatchNorm) for module in network.modules()):
        warnings.warn(
            f"{reason}, and its batch norm mixes their statistics: use encoder.norm=layer, group or per_task",
            stacklevel=3,
        )


def make_norm(name: str, features: int, axes: int = 1, sources: int = 0) -> nn.Module:
    """The norm called ``name`` for ``[B, ..., D]``.

    ``layer`` normalises each row (and position) over its features, ``group`` over its positions and up to 8 groups of
    features; both treat a row alike whatever is in the batch with it. ``batch`` uses statistics of the batch, and in
    evaluation running ones: where one trunk meets rows of several distributions it mixes them. ``per_task`` keeps them
    apart: rows of several sources by their source (:class:`PerSourceBatchNorm`), a trunk that runs once per task by the
    task (:class:`PerTaskBatchNorm`); ``per_task_statistics`` does so with one scale and shift for all. A trunk that
    runs once, on rows of one source, has one distribution to normalise: there both are ``batch``.

    Args:
        name: one of the above, or none.
        features: D.
        axes: axes between batch and features, and the features' own: 1 for vectors, 2 for series, 3 for pictures.
        sources: how many the rows come from, where the inputs tell it.

    Returns:
        A module ``[B, ..., D] -> [B, ..., D]``; :class:`PerSourceBatchNorm` is given the sources of the rows, too.

    Raises:
        InputError: no such norm; names the nearest.
    """
    if name not in NORMS:
        raise unknown("encoder.norm", name, NORMS)
    if name == "layer":
        return StackedLayerNorm(features)
    if name == "group":
        fitting = (count for count in GROUPS if features % count == 0 and features // count >= MEMBERS)
        return FeaturesLast(nn.GroupNorm(next(fitting, 1), features))
    if name == "none":
        return nn.Identity()
    own_affine = name == "per_task"
    if name != "batch" and sources:
        return PerSourceBatchNorm(sources, features, own_affine)
    norm = {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d}[axes](features)
    return FeaturesLast(norm) if name == "batch" else PerTaskBatchNorm(norm, own_affine)
