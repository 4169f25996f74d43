"""Experts mixed by learned constants."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor, check_number
from mtl.errors import unknown
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.gates import combine
from mtl.sharing.base import EncoderFactory, Sharing
from mtl.sharing.experts import Experts

MIXTURES = ("softmax", "free")


class Soft(Sharing):
    """Soft parameter sharing by mixing: ``f_i(x) = sum_j alpha_ij W_j x``.

    ``W_j`` are experts (encoders of any kind), ``alpha [K, E]`` is learned and does not depend on the input. With
    ``alpha`` the identity every task has an expert of its own (single-task learning), with equal rows all share one
    mixture (hard sharing). ``alpha`` is one parameter of which task i uses row i, so it counts as shared.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        experts: E; 0 means one per task.
        alpha: ``softmax`` (rows are positive and sum to 1) or ``free`` (any real number).
        self_weight: how far alpha starts from equal shares towards expert ``i mod E`` for task i, in [0, 1); with
            ``free`` up to 1.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        experts: int = 0,
        alpha: str = "softmax",
        self_weight: float = 0.5,
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        if alpha not in MIXTURES:
            raise unknown("model.alpha", alpha, MIXTURES)
        self.normalised = alpha == "softmax"
        # From a weight of 1 no softmax comes back
        below, most = (1, None) if self.normalised else (None, 1)
        check_factor("model.self_weight", self_weight, least=0, below=below, most=most)
        check_number("model.experts", experts, whole=True, least=0)
        count = experts or len(self.task_names)
        self.experts = Experts(input_shape, encoder, count)
        self.out_features = self.experts.encoder.out_features
        favourite = nn.functional.one_hot(torch.arange(len(self.task_names)) % count, count).float()
        start = self_weight * favourite + (1 - self_weight) / count  # rows sum to 1
        self.alpha = nn.Parameter(start.log() if self.normalised else start)

    def rows(self) -> Tensor:
        """The weights of the experts for each task, ``[K, E]``."""
        return self.alpha.softmax(-1) if self.normalised else self.alpha

    @override
    def mixture(self) -> Tensor:
        return self.rows().detach()

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        outputs = self.experts(inputs)  # [E, B, ..., D]
        mixed = combine(self.rows(), outputs)  # [K, B, ..., D]
        return dict(zip(self.task_names, mixed, strict=True))

    @override
    def per_task_axes(self) -> Iterator[tuple[Parameter, int]]:
        yield self.alpha, 0

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return iter(())

    @override
    def idle_parameters(self) -> Iterator[Parameter]:
        return iter((self.alpha,) if self.normalised and self.experts.count == 1 else ())

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.experts.last_stage()
