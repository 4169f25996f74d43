"""Experts of every task's own; after every stage each task draws on all of them, and on its own once more."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.nn.by_name import ModulesByName, ParametersByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.gates import Gate, mix_positions
from mtl.nn.towers import Towers
from mtl.sharing.base import EncoderFactory, Sharing


class AdaTT(Sharing):
    """Adaptive task-to-task fusion: ``h_i <- sum_e g_ie h_e + sum_own v_ie h_e`` after every stage.

    Source: Li et al., "AdaTT: Adaptive Task-to-Task Fusion Network for Multitask Learning in Recommendations", KDD
    2023, https://arxiv.org/abs/2304.04959 (AdaTT-sp: no experts for all).

    At every stage, task i's experts read its state. The first sum runs over the experts of all tasks, with gates
    ``g_i = softmax(V_i .)`` that read the raw input's summary at the first stage and the task's state afterwards; the
    second over the task's own ones, with learned constants ``v``. So a task keeps its own way and adds what others
    know.

    Deviations: ``v`` is learned for a single own expert too, and starts at equal shares; the authors' code takes 1 for
    a single one, and random values for several.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        task_experts: experts of each task, at least 1.
    """

    use: Tensor  # at every stage

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, task_experts: int = 1
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        check_number("model.task_experts", task_experts, whole=True, least=1)
        # Task after task; with a space in it, the name of an expert is not that of a task
        names = [f"{name} {number}" for name in self.task_names for number in range(task_experts)]
        self.experts = Towers([encoder(input_shape) for _ in names], names)
        self.depth = self.experts.depth
        self.out_features = self.experts.encoder.out_features
        self.task_experts = task_experts
        counts = dict.fromkeys(self.task_names, task_experts)
        inputs = (self.experts.encoder.summary_features, *self.experts.widths)
        self.gates = nn.ModuleList(
            ModulesByName({name: Gate(inputs[stage], counts) for name in self.task_names})
            for stage in range(self.depth)
        )
        self.native = nn.ModuleList(
            ParametersByName(
                {name: Parameter(torch.full((task_experts,), 1 / task_experts)) for name in self.task_names}
            )
            for _ in range(self.depth)
        )
        tasks = len(self.task_names)
        self.register_buffer("use", torch.zeros(self.depth, tasks, task_experts * tasks), persistent=False)

    @override
    def mixture(self) -> Tensor:
        return self.use[-1]

    @override
    def mixtures(self) -> list[Tensor]:
        return list(self.use)

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        read = [self.experts.encoder.summary(inputs)] * len(self.task_names)  # what each task's gate sees
        hidden = self.experts.first_stage(inputs)  # [E, B, ..., H], E experts of all tasks
        use = []
        for index in range(self.depth):
            if index:
                hidden = self.experts.stage(index, torch.stack(read).repeat_interleave(self.task_experts, 0), inputs)
            gates, native = cast(nn.ModuleDict, self.gates[index]), cast(ParametersByName, self.native[index])
            fused = torch.stack([gates[name](state) for name, state in zip(self.task_names, read, strict=True)])
            kept = torch.block_diag(*(native[name] for name in self.task_names)).to(fused.dtype)  # type: ignore[no-untyped-call]  # [K, E]
            fused = fused + kept.view(len(kept), *[1] * (fused.dim() - 2), -1)
            drawn = fused.detach().flatten(1, -2).mean(1)
            use.append(drawn / drawn.sum(1, keepdim=True))
            read = list(mix_positions(fused, hidden))
        self.use.copy_(torch.stack(use))
        return dict(zip(self.task_names, read, strict=True))

    @override
    def per_task_axes(self) -> Iterator[tuple[Parameter, int]]:
        return ((parameter, 0) for parameter in self.experts.stacked_parameters())

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        yield from cast(nn.ModuleDict, self.gates[-1])[task].parameters()
        yield cast(ParametersByName, self.native[-1])[task]

    @override
    def idle_parameters(self) -> Iterator[Parameter]:
        return self.gates.parameters() if self.experts.count == 1 else iter(())

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.experts.last_stage()
