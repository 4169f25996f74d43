"""Experts of every task's own; after every stage each task draws on all of them, and on its own once more."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.errors import InputError
from mtl.nn.encoder import Encoder, Inputs, InputShape
from mtl.nn.gates import Gate, combined, weighted
from mtl.sharing.base import EncoderFactory, Sharing


class AdaTT(Sharing):
    """Adaptive task-to-task fusion: ``h_i <- sum_e g_ie h_e + sum_own v_ie h_e`` after every stage.

    Source: Li et al., "AdaTT: Adaptive Task-to-Task Fusion Network for Multitask Learning in Recommendations", KDD
    2023, https://arxiv.org/abs/2304.04959 (AdaTT-sp: no experts for all).

    At every stage, task i's experts read its state. The first sum runs over the experts of all tasks, with gates
    ``g_i = softmax(V_i .)`` that read the raw input's summary at the first stage and the task's state afterwards; the
    second over the task's own ones, with learned constants ``v``. So a task keeps its own way and adds what others
    know.

    Args:
        input_shape, task_names, encoder: see :class:`~mtl.sharing.base.Sharing`.
        own: experts of each task, at least 1.
    """

    use: Tensor

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, own: int = 1
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        if own < 1:
            raise InputError(f"model.own={own}: at least 1 is needed")
        self.experts = nn.ModuleDict(
            {name: nn.ModuleList(encoder(input_shape) for _ in range(own)) for name in self.task_names}
        )
        first = self._encoders(self.task_names[0])[0]
        self.depth = len(first.stages)
        self.out_features = first.out_features
        counts = dict.fromkeys(self.task_names, own)
        inputs = (first.summary_features, *first.widths)
        self.gates = nn.ModuleList(
            nn.ModuleDict({name: Gate(inputs[stage], counts) for name in self.task_names})
            for stage in range(self.depth)
        )
        self.native = nn.ModuleList(
            nn.ParameterDict({name: Parameter(torch.full((own,), 1 / own)) for name in self.task_names})
            for _ in range(self.depth)
        )
        self.register_buffer("use", torch.zeros(len(self.task_names), own * len(self.task_names)), persistent=False)

    def _encoders(self, group: str) -> list[Encoder]:
        return [cast(Encoder, expert) for expert in cast(nn.ModuleList, self.experts[group])]

    def mixture(self) -> Tensor:
        return self.use

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        summary = self._encoders(self.task_names[0])[0].summary(inputs)
        hidden: dict[str, Tensor] = {}
        for index in range(self.depth):
            outputs = {
                name: [
                    expert.stages[index](hidden[name] if index else expert.stem(inputs), inputs)
                    for expert in self._encoders(name)
                ]
                for name in self.task_names
            }
            gates, native = cast(nn.ModuleDict, self.gates[index]), cast(nn.ParameterDict, self.native[index])
            every = [state for name in self.task_names for state in outputs[name]]
            mixed, use = {}, []
            for name in self.task_names:
                gate = gates[name](hidden[name] if index else summary)  # [B, ..., E]
                use.append(gate.detach().flatten(0, -2).mean(0))
                mixed[name] = weighted(gate, every) + combined(native[name], torch.stack(outputs[name]))
            hidden = mixed
        self.use.copy_(torch.stack(use))
        return hidden

    def private_parameters(self, task: str) -> Iterator[Parameter]:
        yield from cast(nn.ModuleDict, self.gates[-1])[task].parameters()
        yield cast(nn.ParameterDict, self.native[-1])[task]

    def last_shared_layer(self) -> Iterator[Parameter]:
        return (p for name in self.task_names for e in self._encoders(name) for p in e.stages[-1].parameters())
