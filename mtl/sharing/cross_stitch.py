"""A network per task, their activations mixed after every stage."""

from collections.abc import Iterator, Sequence

from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.gates import combine
from mtl.sharing.base import EncoderFactory
from mtl.sharing.stitched import Stitched


class CrossStitch(Stitched):
    """Cross-stitch networks: after every stage l, ``h_i <- sum_j alpha_lij h_j``.

    Source: Misra, Shrivastava, Gupta, Hebert, "Cross-stitch Networks for Multi-task Learning", CVPR 2016,
    https://arxiv.org/abs/1604.03539.

    ``h_i [B, ..., H]`` is the state of task i's tower, ``alpha [L, K, K]`` is learned, one number for all features of a
    stage. It starts convex: ``self_weight`` on the diagonal, the rest in equal parts beside it. With ``self_weight=1``
    this starts as single-task learning.

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
        self.stitch = Parameter(self.start(len(self.task_names)).repeat(self.towers.depth, 1, 1))

    @override
    def mixture(self) -> Tensor:
        return self.stitch[-1].detach()

    @override
    def mixtures(self) -> list[Tensor]:
        return list(self.stitch.detach())

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        hidden = combine(self.stitch[0], self.towers.first_stage(inputs))  # [K, B, ..., H]
        for index in range(1, self.towers.depth):
            hidden = combine(self.stitch[index], self.towers.stage(index, hidden, inputs))
        return dict(zip(self.task_names, hidden, strict=True))

    @override
    def per_task_axes(self) -> Iterator[tuple[Parameter, int]]:
        yield from super().per_task_axes()
        yield from ((self.stitch, 1), (self.stitch, 2))

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return iter(())
