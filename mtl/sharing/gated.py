"""Experts mixed by gates that look at the input."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from mtl.nn.encoder import InputShape
from mtl.sharing.base import EncoderFactory
from mtl.sharing.experts import ExpertMixture


class Gated(ExpertMixture):
    """Multi-gate mixture of experts: ``f_i(x) = sum_j g_ij(x) W_j x`` with ``g_i(x) = softmax(V_i s(x))``.

    Source: Ma, Zhao, Yi, Chen, Hong, Chi, "Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts", KDD 2018, https://doi.org/10.1145/3219819.3220007.

    ``W_j`` are E experts (encoders of any kind), ``V_i [E, S]`` is task i's own gate, ``s(x) [B, S]`` the encoder's
    parameter-free summary of the raw input (the input itself where it is flat). With one expert this is hard sharing.

    Deviation: the gates have a bias, and read a summary where the paper reads the flat input, so that sets can be gated
        too.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        experts: E.
    """

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, experts: int = 4
    ) -> None:
        super().__init__(input_shape, task_names, encoder, experts)

    @override
    def gate_weights(self, summary: Tensor) -> Tensor:
        return torch.stack([self.gates[name](summary) for name in self.task_names]).softmax(-1)
