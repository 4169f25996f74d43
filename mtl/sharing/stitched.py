"""What strategies have in common that give every task a network and mix what these compute."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor
from mtl.nn.encoder import InputShape
from mtl.nn.towers import Towers
from mtl.sharing.base import EncoderFactory, Sharing


class Stitched(Sharing):
    """A tower per task, and mixtures after their stages that a subclass defines.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        self_weight: how much of itself each part of a mixture keeps at the start, in [0, 1].
    """

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, self_weight: float
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        check_factor("model.self_weight", self_weight, least=0, most=1)
        self.self_weight = self_weight
        self.towers = Towers([encoder(input_shape) for _ in self.task_names], self.task_names)
        self.out_features = self.towers.widths[-1]

    def start(self, parts: int) -> Tensor:
        """Convex shares ``[parts, parts]``: ``self_weight`` on the diagonal, the rest in equal parts beside it."""
        if parts == 1:
            return torch.ones(1, 1)
        return torch.full((parts, parts), (1 - self.self_weight) / (parts - 1)).fill_diagonal_(self.self_weight)

    @override
    def per_task_axes(self) -> Iterator[tuple[Parameter, int]]:
        return ((parameter, 0) for parameter in self.towers.stacked_parameters())

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.towers.last_stage()
