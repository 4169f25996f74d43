"""Normalisation by the name that stands in a YAML."""

import warnings

from torch import Tensor, nn

from mtl.errors import unknown
from mtl.nn.stacked import LayerNorm

NORMS = ("none", "layer", "group", "batch")
GROUPS = (8, 4, 2, 1)
MEMBERS = 4  # features of a group, at least: normalising a single value leaves nothing of it


class OverFeatures(nn.Module):
    """A norm of torch's that wants the features second, for features that come last: ``[B, ..., D] -> [B, ..., D]``."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, hidden: Tensor) -> Tensor:
        """Normalise."""
        out: Tensor = self.norm(hidden.movedim(-1, 1)).movedim(1, -1)
        return out


def warn_of_batch_norm(trunk: nn.Module) -> None:
    """Warn if a trunk that runs once per task has batch norm, whose running statistics would mix the tasks."""
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in trunk.modules()):
        warnings.warn(
            "this model runs one trunk once per task, and its batch norm mixes the statistics of all tasks: "
            "use encoder.norm=layer or group",
            stacklevel=3,
        )


def make_norm(name: str, features: int, axes: int = 1) -> nn.Module:
    """The norm called ``name`` for ``[B, ..., D]``. InputError for a name it does not know.

    ``layer`` normalises each row (and place) over its features, ``group`` over its places and up to 8 groups of
    features; both treat a row alike whatever is in the batch with it. ``batch`` uses statistics of the batch, and in
    evaluation running ones: where one trunk meets rows of several tasks' own distributions it mixes them.

    Args:
        name: none, layer, group or batch.
        features: D.
        axes: axes between batch and features, and the features' own: 1 for vectors, 2 for series, 3 for pictures.
    """
    if name not in NORMS:
        raise unknown("encoder.norm", name, NORMS)
    if name == "layer":
        return LayerNorm(features)
    if name == "group":
        fitting = (count for count in GROUPS if features % count == 0 and features // count >= MEMBERS)
        return OverFeatures(nn.GroupNorm(next(fitting, 1), features))
    if name == "batch":
        kind = {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d}[axes]
        return OverFeatures(kind(features))
    return nn.Identity()
