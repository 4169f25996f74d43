"""Experts of every task's own beside experts for all, mixed by gates."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.errors import InputError
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.stacked import mix_experts
from mtl.sharing.base import EncoderFactory, Sharing
from mtl.sharing.experts import Experts


class CGC(Sharing):
    """Customized gate control: ``f_i(x) = sum_e g_ie(x) W_e x`` over task i's own experts and the shared ones.

    Source: Tang, Liu, Zhao, Gong, "Progressive Layered Extraction (PLE)", RecSys 2020,
    https://doi.org/10.1145/3383313.3412236 (section 4.1).

    ``g_i(x) = softmax(V_i s(x))`` with the encoder's summary s of the raw input. Experts are whole encoders; what is
    mixed at every stage is PLE. Without experts of the tasks this is a gated mixture, with one each and none shared
    single-task learning.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        shared_experts: experts for all tasks.
        task_experts: experts of each task's own.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        shared_experts: int = 2,
        task_experts: int = 1,
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        for name, count in {"shared_experts": shared_experts, "task_experts": task_experts}.items():
            check_number(f"model.{name}", count, whole=True, least=0)
        if shared_experts + task_experts < 1:
            raise InputError(
                f"model.shared_experts={shared_experts}, model.task_experts={task_experts}: expected 0 or more each, "
                "at least one in all"
            )
        self.shared_experts = nn.ModuleList([Experts(input_shape, encoder, shared_experts)] if shared_experts else [])
        names = self.task_names if task_experts else ()
        self.task_experts = ModulesByName({name: Experts(input_shape, encoder, task_experts) for name in names})
        first = cast(Experts, self.task_experts[self.task_names[0]] if task_experts else self.shared_experts[0])
        self.encoder = (first.encoder,)  # in a tuple: registered where it belongs
        self.out_features = first.encoder.out_features
        count = shared_experts + task_experts
        # A gate over a single expert is always 1 and has nothing to learn
        gated = self.task_names if count > 1 else ()
        self.gates = ModulesByName({name: nn.Linear(first.encoder.summary_features, count) for name in gated})
        self.register_buffer("use", torch.full((len(self.task_names), count), 1 / count), persistent=False)

    use: Tensor

    @override
    def mixture(self) -> Tensor:
        return self.use

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        shared = [experts(inputs) for experts in self.shared_experts]  # one or none, [E, B, ..., D]
        summary = self.encoder[0].summary(inputs)  # [B, S]
        out, use = {}, []
        for name in self.task_names:
            private = [self.task_experts[name](inputs)] if name in self.task_experts else []
            outputs = torch.cat([*private, *shared])  # the task's own first
            if name in self.gates:
                gate = self.gates[name](summary).softmax(-1)  # [B, E]
                use.append(gate.detach().mean(0))
                out[name] = mix_experts(gate.unsqueeze(0), outputs)[0]
            else:
                out[name] = outputs[0]
        if use:
            self.use.copy_(torch.stack(use))
        return out

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        for part in (self.task_experts, self.gates):
            if task in part:
                yield from part[task].parameters()

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return (p for experts in self.shared_experts for p in cast(Experts, experts).last_stage())
