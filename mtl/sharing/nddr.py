"""A network per task; after every stage each draws on the features of all by a learned linear map."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory
from mtl.sharing.stitched import Stitched


class Fusion(nn.Module):
    """One task's map from the features of all: ``sum_j W_j h_j + b``, ``[K, B, ..., H] -> [B, ..., H]``."""

    def __init__(self, features: int, shares: Tensor) -> None:
        super().__init__()
        self.sources = Parameter(shares.view(-1, 1, 1) * torch.eye(features))  # [K, H, H]
        self.bias = Parameter(torch.zeros(features))

    def forward(self, states: Tensor) -> Tensor:
        """All tasks' states to this task's."""
        side_by_side = states.movedim(0, -2).flatten(-2)  # [B, ..., K * H]
        out: Tensor = side_by_side @ self.sources.flatten(0, 1) + self.bias
        return out


class NDDR(Stitched):
    """Neural discriminative dimensionality reduction: after every stage, ``h_i <- sum_j W_ij h_j + b_i``.

    Source: Gao, Ma, Zhao, Liu, Yuille, "NDDR-CNN: Layerwise Feature Fusing in Multi-Task CNNs by Neural Discriminative
    Dimensionality Reduction", CVPR 2019, https://arxiv.org/abs/1801.08297.

    The features of all towers lie side by side, and each task reduces them to its own width. Starts as cross-stitch
    does: ``W_ii = s I``, ``W_ij = (1 - s) / (K - 1) I`` with s the ``self_weight``; with 1 as single-task learning.

    Deviation: no batch normalisation after the map and no weight decay of its own; the encoder decides on its norms.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        self_weight: how much of its own tower a task sees at the start, in [0, 1].
    """

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, self_weight: float = 0.9
    ) -> None:
        super().__init__(input_shape, task_names, encoder, self_weight)
        shares = self.start(len(self.task_names))
        self.fusions = nn.ModuleList(
            ModulesByName({name: Fusion(width, shares[i]) for i, name in enumerate(self.task_names)})
            for width in self.towers.widths
        )

    def _fused(self, index: int, states: Tensor) -> list[Tensor]:
        """States of the towers ``[K, B, ..., H]`` to those of the tasks."""
        fusions = cast(nn.ModuleDict, self.fusions[index])
        return [fusions[name](states) for name in self.task_names]

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        hidden = self._fused(0, self.towers.first_stage(inputs))
        for index in range(1, self.towers.depth):
            hidden = self._fused(index, self.towers.stage(index, torch.stack(hidden), inputs))
        return dict(zip(self.task_names, hidden, strict=True))

    @override
    def per_task_axes(self) -> Iterator[tuple[Parameter, int]]:
        yield from super().per_task_axes()
        for fusions in self.fusions:
            for fusion in cast(nn.ModuleDict, fusions).values():
                yield cast(Fusion, fusion).sources, 0

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return cast(nn.ModuleDict, self.fusions[-1])[task].parameters()
