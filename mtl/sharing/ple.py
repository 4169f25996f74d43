"""Experts of every task's own beside experts for all, mixed by gates after every stage."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.gates import Gate, mix_positions
from mtl.nn.towers import Towers
from mtl.sharing.base import EncoderFactory, Sharing

SHARED = "shared experts"  # the group for all; no task can have a name with a space


class PLE(Sharing):
    """Progressive layered extraction: customized gate control at every stage of the encoder.

    Source: Tang, Liu, Zhao, Gong, "Progressive Layered Extraction (PLE)", RecSys 2020,
    https://doi.org/10.1145/3383313.3412236 (section 4.2).

    At every stage l, a task's experts (the l-th stages of encoders of its own) read the task's state ``h_i``, the
    shared ones the shared state ``h_s``. Then ``h_i <- sum_e g_ie h_e`` over the task's own and the shared experts,
    ``h_s`` over all experts of all tasks. Gates read the raw input's summary at the first stage, the state of their
    group afterwards, at each position of it. There is no shared state after the last stage. With one expert each and
    none shared this is single-task learning.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        shared_experts: experts for all tasks.
        task_experts: experts of each task's own, at least 1.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        shared_experts: int = 1,
        task_experts: int = 1,
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        check_number("model.shared_experts", shared_experts, whole=True, least=0)
        check_number("model.task_experts", task_experts, whole=True, least=1)
        counts = dict.fromkeys(self.task_names, task_experts) | ({SHARED: shared_experts} if shared_experts else {})
        self.experts = ModulesByName(
            {group: Towers([encoder(input_shape) for _ in range(count)]) for group, count in counts.items()}
        )
        first = self._group(self.task_names[0]).encoder
        self.depth = len(first.stages)
        self.out_features = first.out_features
        widths = (first.summary_features, *first.widths)
        # What each group draws on. A gate over a single expert is always 1 and has nothing to learn.
        total = shared_experts + task_experts
        shared = [SHARED] if shared_experts else []
        self.sources = {name: [name, *shared] for name in self.task_names if total > 1}
        self.sources |= {SHARED: list(counts)} if shared_experts else {}
        self.gates = nn.ModuleList()
        for stage in range(self.depth):
            groups = self.sources if stage < self.depth - 1 else [name for name in self.sources if name != SHARED]
            self.gates.append(
                ModulesByName({g: Gate(widths[stage], {s: counts[s] for s in self.sources[g]}) for g in groups})
            )
        start = torch.full((self.depth, len(self.task_names), total), 1 / total)
        self.register_buffer("use", start, persistent=False)

    use: Tensor  # at every stage

    def _group(self, group: str) -> Towers:
        return cast(Towers, self.experts[group])

    @override
    def mixture(self) -> Tensor:
        return self.use[-1]

    @override
    def mixtures(self) -> list[Tensor]:
        return list(self.use)

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        summary = self._group(self.task_names[0]).encoder.summary(inputs)
        hidden: dict[str, Tensor] = {}
        use = []
        for index in range(self.depth):
            outputs = {group: self._run(group, index, hidden, inputs) for group in self.experts}
            gates = cast(nn.ModuleDict, self.gates[index])
            mixed = {}
            for group in self.experts:
                if group in gates:
                    gate = gates[group](hidden[group] if index else summary)  # [B, ..., E]
                    states = torch.cat([outputs[source] for source in self.sources[group]])
                    mixed[group] = mix_positions(gate.unsqueeze(0), states)[0]
                    use += [gate.detach().flatten(0, -2).mean(0)] if group != SHARED else []
                elif group != SHARED:
                    mixed[group] = outputs[group][0]
            hidden = mixed
        if use:
            self.use.copy_(torch.stack(use).view_as(self.use))
        return hidden

    def _run(self, group: str, index: int, hidden: dict[str, Tensor], inputs: Inputs) -> Tensor:
        """Stage ``index`` of a group's experts, ``[E, B, ..., H]``."""
        experts = self._group(group)
        if not index:
            return experts.first_stage(inputs)
        state = hidden[group]
        return experts.stage(index, state.expand(experts.count, *state.shape), inputs)

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        # The shared state, where there is one, carries what a task's experts do before the last stage to all tasks, and
        # so what its gates do before the last but one
        nothing_shared = SHARED not in self.experts
        for index in range(self.depth):
            gates = cast(nn.ModuleDict, self.gates[index])
            if task in gates and (nothing_shared or index >= self.depth - 2):
                yield from gates[task].parameters()
            if nothing_shared or index == self.depth - 1:
                for expert in self._group(task).encoders():
                    yield from expert.stages[index].parameters()
        if nothing_shared or self.depth == 1:
            for expert in self._group(task).encoders():
                for name, child in expert.named_children():
                    yield from child.parameters() if name != "stages" else ()

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self._group(SHARED).last_stage() if SHARED in self.experts else iter(())
