"""Experts mixed by gates that look at the input."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.stacked import mix
from mtl.sharing.base import EncoderFactory, Sharing
from mtl.sharing.experts import Experts


class Gated(Sharing):
    """Multi-gate mixture of experts: ``f_i(x) = sum_j g_ij(x) W_j x`` with ``g_i(x) = softmax(V_i s(x))``.

    Source: Ma, Zhao, Yi, Chen, Hong, Chi, "Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of- Experts", KDD 2018, https://doi.org/10.1145/3219819.3220007.

    ``W_j`` are E experts (encoders of any kind), ``V_i [E, S]`` is task i's own gate, ``s(x) [B, S]`` the encoder's
    parameter-free summary of the raw input (the input itself where it is flat). With one expert this is hard sharing.

    Deviation: the gates have a bias, and read a summary where the paper reads the flat input, so that sets can be gated
        too.

    Args:
        input_shape, task_names, encoder: see :class:`~mtl.sharing.base.Sharing`.
        experts: E.
    """

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, experts: int = 4
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        self.experts = Experts(input_shape, encoder, experts)
        template = self.experts.encoder
        self.out_features = template.out_features
        self.gates = nn.ModuleDict({name: nn.Linear(template.summary_features, experts) for name in self.task_names})
        self.register_buffer("use", torch.zeros(len(self.task_names), experts), persistent=False)

    use: Tensor

    def mixture(self) -> Tensor:
        return self.use

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        outputs = self.experts(inputs)  # [E, B, ..., D]
        summary = self.experts.encoder.summary(inputs)  # [B, S]
        gates = torch.stack([self.gates[name](summary) for name in self.task_names]).softmax(-1)  # [K, B, E]
        self.use.copy_(gates.detach().mean(1))
        mixed = mix(gates, outputs)  # [K, B, ..., D]
        return dict(zip(self.task_names, mixed, strict=True))

    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return self.gates[task].parameters()

    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.experts.last_stage()
