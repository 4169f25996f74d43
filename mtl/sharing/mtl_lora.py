"""One trunk, its weight matrices moved by low-rank terms of which tasks share the outer factors."""

from collections.abc import Iterable, Iterator, Sequence
from math import sqrt
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor, check_number
from mtl.errors import without_effect
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import InputShape
from mtl.sharing.base import EncoderFactory
from mtl.sharing.trunk import PerMatrix

TEMPERATURE = 0.1  # of the choice, where none is said


class SharedFactors(nn.Module):
    """The outer factors for one weight matrix: A ``[r, in]``, random, and n of B ``[n, out, r]``, at first zero."""

    def __init__(self, out_features: int, in_features: int, rank: int, ups: int) -> None:
        super().__init__()
        self.down = Parameter(torch.randn(rank, in_features) / sqrt(in_features))
        self.ups = Parameter(torch.zeros(ups, out_features, rank))


class Transformation(nn.Module):
    """What is a task's own for one weight matrix: ``Lambda [r, r]``, at first the identity, and its choice among B."""

    def __init__(self, rank: int, ups: int, temperature: float) -> None:
        super().__init__()
        self.inner = Parameter(torch.eye(rank))
        # Of a single one there is nothing to choose; among equal ones in equal shares all would stay equal
        self.choice = Parameter((2 * torch.rand(ups) - 1) / sqrt(ups)) if ups > 1 else None
        self.temperature = temperature

    def forward(self, down: Tensor, ups: Tensor) -> Tensor:
        """The term, ``[out, in]``."""
        up = ups[0] if self.choice is None else torch.tensordot((self.choice / self.temperature).softmax(0), ups, 1)
        return up @ self.inner @ down


class MTLLoRA(PerMatrix):
    """Low-rank adaptation for multi-task learning: task i runs the trunk with ``W + scale sum_n c_in B_n Lambda_i A``.

    Source: Yang, Muhtar, Shen, Zhan, Liu, Wang, Sun, Deng, Sun, Zhang, Chen, Tong, "MTL-LoRA: Low-Rank Adaptation for
    Multi-Task Learning", AAAI 2025, https://arxiv.org/abs/2410.09437.

    ``A [r, in]`` and ``B_n [out, r]`` are shared, ``Lambda_i [r, r]`` and ``c_i = softmax(w_i / temperature)`` are task
    i's own: what the tasks need apart is told apart where the features are few, and what they have in common is in A
    and B. Beside ``lora``, whose terms share nothing, a task costs ``r r + n`` numbers for each weight matrix W instead
    of ``r (in + out)``.

    Starts as hard sharing. Any parameter of two or more axes is a weight matrix, its further axes (of a convolution)
    flattened. The whole trunk is computed once per task.

    Deviations: in the paper W is frozen, which ``freeze`` does here; A begins with normal numbers, there with uniform
    ones.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        rank: r.
        ups: n, how many B there are.
        temperature: of the choice among them, above 0; a small one chooses one.
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
        ups: int = 3,
        temperature: float = TEMPERATURE,
        scale: float = 1.0,
        freeze: bool = False,
    ) -> None:
        super().__init__(input_shape, task_names, encoder, scale, freeze)
        check_number("model.rank", rank, whole=True, least=1)
        check_number("model.ups", ups, whole=True, least=1)
        check_factor("model.temperature", temperature, above=0)
        if ups == 1 and temperature != TEMPERATURE:
            raise without_effect("model.temperature", temperature, "model.ups=2 or more")
        self.factors = nn.ModuleList(
            SharedFactors(rows, columns, rank, ups) for rows, columns in self.matrices.values()
        )
        self.private = ModulesByName(
            {
                name: nn.ModuleList(Transformation(rank, ups, temperature) for _ in self.matrices)
                for name in self.task_names
            }
        )

    @override
    def terms(self, task: str) -> Iterable[Tensor]:
        own = cast(nn.ModuleList, self.private[task])
        factors = (cast(SharedFactors, one) for one in self.factors)
        return (term(one.down, one.ups) for term, one in zip(own, factors, strict=True))

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        last = f"stages.{len(self.trunks.trunk.stages) - 1}."
        yield from super().last_shared_layer()
        for key, factors in zip(self.matrices, self.factors, strict=True):
            if key.startswith(last):
                yield from factors.parameters()
