"""Experts that all tasks draw on, and their mixture by gates, as several strategies have them."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.replicas import Replicas
from mtl.nn.stacked import mix_experts
from mtl.sharing.base import EncoderFactory, Sharing


class Experts(Replicas):
    """E encoders of one shape, all run on every input: ``[E, B, ..., D]``.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        encoder: builds one expert.
        count: E, at least 1.
    """

    def __init__(self, input_shape: InputShape, encoder: EncoderFactory, count: int) -> None:
        check_number("model.experts", count, whole=True, least=1)
        super().__init__([encoder(input_shape) for _ in range(count)])


class ExpertMixture(Sharing):
    """Experts for all tasks, mixed for each row by a gate of each task's own: ``f_i(x) = sum_j g_ij(x) W_j x``.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        experts: E.
        gate: builds a task's gate, from the features of the encoder's summary and E.
    """

    use: Tensor  # mean gates of the last batch, [K, E]

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        experts: int,
        gate: Callable[[int, int], nn.Module] = nn.Linear,
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        self.experts = Experts(input_shape, encoder, experts)
        template = self.experts.encoder
        self.out_features = template.out_features
        self.gates = ModulesByName({name: gate(template.summary_features, experts) for name in self.task_names})
        self.register_buffer("use", torch.zeros(len(self.task_names), experts), persistent=False)

    @abstractmethod
    def gate_weights(self, summary: Tensor) -> Tensor:
        """Weights of the experts for every task and row, ``[K, B, E]``; ``summary [B, S]`` is that of the inputs."""

    def summary(self, batches: Sequence[Inputs]) -> Tensor:
        """The encoder's summary of the rows of some batches, ``[N, S]``."""
        return torch.cat([self.experts.encoder.summary(inputs) for inputs in batches])

    @override
    def mixture(self) -> Tensor:
        return self.use

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        outputs = self.experts(inputs)  # [E, B, ..., D]
        gates = self.gate_weights(self.experts.encoder.summary(inputs))  # [K, B, E]
        self.use.copy_(gates.detach().mean(1))
        return dict(zip(self.task_names, mix_experts(gates, outputs), strict=True))

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return self.gates[task].parameters()

    @override
    def idle_parameters(self) -> Iterator[Parameter]:
        return self.gates.parameters() if self.experts.count == 1 else iter(())

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.experts.last_stage()
