"""Embeddings and experts of every task's own beside shared ones; each task sees all of them and teaches only some."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.stacked import mix_experts
from mtl.sharing.base import EncoderFactory, Sharing


class STEM(Sharing):
    """Shared and task-specific embeddings: ``f_i(x) = g_ii(x) W_i x + g_i0(x) W_0 x + sum_(j != i) g_ij(x) sg(W_j x)``.

    Source: Su, Pan, Wang, Xiao, Quan, Chen, Jiang, "STEM: Unleashing the Power of Embeddings for Multi-Task
    Recommendation", AAAI 2024, https://arxiv.org/abs/2308.13537.

    ``W_0`` is the shared encoder and ``W_i`` that of task i, each with vectors of the categories of its own; ``sg``
    stops the gradient, so that a task draws on what the others have learned and does not change it (all forward,
    task-specific backward). ``g_i(x) = softmax(V_i s(x))`` with the encoder's summary s of the raw input. Only ``W_0``
    is shared.

    Deviations: one expert beside each table of vectors, with the vectors inside it, where the paper counts experts by
    itself; its gates read the task's vectors.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
    """

    use: Tensor  # mean gates of the last batch, [K, 1 + K]: the shared encoder first, then those of the tasks in order

    def __init__(self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory) -> None:
        super().__init__(input_shape, task_names, encoder)
        self.shared_encoder = encoder(input_shape)
        self.out_features = self.shared_encoder.out_features
        self.encoders = ModulesByName({name: encoder(input_shape) for name in self.task_names})
        count, features = len(self.task_names), self.shared_encoder.summary_features
        self.gates = ModulesByName({name: nn.Linear(features, count) for name in self.task_names})
        self.shared_gates = ModulesByName({name: nn.Linear(features, 1) for name in self.task_names})
        self.register_buffer("use", torch.full((count, 1 + count), 1 / (1 + count)), persistent=False)

    @override
    def mixture(self) -> Tensor:
        return self.use

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        shared = self.shared_encoder(inputs)
        private = {name: self.encoders[name](inputs) for name in self.task_names}
        summary = self.shared_encoder.summary(inputs)  # [B, S]
        out, use = {}, []
        for name in self.task_names:
            others = [hidden if other == name else hidden.detach() for other, hidden in private.items()]
            logits = torch.cat([self.shared_gates[name](summary), self.gates[name](summary)], -1)
            gate = logits.softmax(-1)  # [B, 1 + K]
            use.append(gate.detach().mean(0))
            out[name] = mix_experts(gate.unsqueeze(0), torch.stack([shared, *others]))[0]
        self.use.copy_(torch.stack(use))
        return out

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        for part in (self.encoders, self.gates, self.shared_gates):
            yield from part[task].parameters()

    @override
    def per_task_axes(self) -> Iterator[tuple[Parameter, int]]:
        return ((parameter, 0) for parameter in self.gates.parameters())

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.shared_encoder.stages[-1].parameters()
