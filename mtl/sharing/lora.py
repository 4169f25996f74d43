"""One trunk, its weight matrices moved by a low-rank term of each task's own."""

from collections.abc import Iterable, Sequence
from typing import cast

from torch import Tensor, nn
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import InputShape
from mtl.nn.low_rank import LowRank
from mtl.sharing.base import EncoderFactory
from mtl.sharing.trunk import PerMatrix


class LoRA(PerMatrix):
    """Low-rank adaptation per task: task i runs the trunk with ``W + scale U_i D_i`` in place of every weight matrix W.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022,
    https://arxiv.org/abs/2106.09685.

    Starts as hard sharing. Any parameter of two or more axes is a weight matrix, its further axes (of a convolution)
    flattened. The whole trunk is computed once per task.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        rank: r, the rank of every task's term.
        scale: factor of the term (``alpha / r`` in the paper), above 0.
        freeze: the trunk stays as it is (for a pretrained one); only the terms, norms of each task's own and the heads
            learn.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        rank: int = 8,
        scale: float = 1.0,
        freeze: bool = False,
    ) -> None:
        super().__init__(input_shape, task_names, encoder, scale, freeze)
        check_number("model.rank", rank, whole=True, least=1)
        self.private = ModulesByName(
            {
                name: nn.ModuleList(LowRank(rows, columns, rank) for rows, columns in self.matrices.values())
                for name in self.task_names
            }
        )

    @override
    def terms(self, task: str) -> Iterable[Tensor]:
        return (term() for term in cast(nn.ModuleList, self.private[task]))
