"""Experts mixed by gates that choose k of them and can be differentiated."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.errors import InputError
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.stacked import mix
from mtl.sharing.base import EncoderFactory, Sharing
from mtl.sharing.experts import Experts

SMALLEST = 1e-6  # keeps the logarithm of the entropy finite


def smooth_step(values: Tensor, gamma: float) -> Tensor:
    """0 below ``-gamma/2``, 1 above ``gamma/2``, and a cubic between that has no corner: elementwise."""
    t = (values / gamma).clamp(-0.5, 0.5)
    return 0.5 + 1.5 * t - 2 * t**3


class DSelectGate(nn.Module):
    """One task's gate: ``[B, S] -> [B, E]`` and, by the same pass, the entropy of its choice ``[]``."""

    codes: Tensor

    def __init__(self, features: int, experts: int, select: int, gamma: float) -> None:
        super().__init__()
        self.bits = experts.bit_length() - 1
        self.select = select
        self.gamma = gamma
        self.code = nn.Linear(features, select * self.bits)  # which expert each of the k selectors points at
        nn.init.uniform_(self.code.weight, -gamma / 100, gamma / 100)
        nn.init.uniform_(self.code.bias, -gamma / 100, gamma / 100)
        # How much each selector counts; a single one counts 1 and has nothing to learn
        self.share = nn.Linear(features, select) if select > 1 else None
        codes = torch.arange(experts).unsqueeze(1) >> torch.arange(self.bits) & 1
        self.register_buffer("codes", codes.bool(), persistent=False)  # [E, bits]

    def forward(self, summary: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of the experts, and the mean entropy of the selectors' choices (0 when each points at one expert)."""
        step = smooth_step(self.code(summary).unflatten(-1, (self.select, 1, self.bits)), self.gamma)
        points = torch.where(self.codes, step, 1 - step).prod(-1)  # [B, k, E], sums to 1 over E
        shares = torch.ones_like(points[..., 0]) if self.share is None else self.share(summary).softmax(-1)  # [B, k]
        entropy = -(points * (points + SMALLEST).log()).sum(-1).mean()
        return (shares.unsqueeze(-1) * points).sum(1), entropy.clamp(min=0.0)


class DSelectK(Sharing):
    """DSelect-k: ``f_i(x) = sum_j g_ij(x) W_j x`` with gates that end up choosing at most k experts, smoothly all the
    way.

    Source: Hazimeh et al., "DSelect-k: Differentiable Selection in the Mixture of Experts with Applications to
    Multi-Task Learning", NeurIPS 2021, https://arxiv.org/abs/2106.03760.

    Each of k selectors writes the number of an expert in binary; a smooth step makes each of its bits exactly 0 or 1
    outside ``+- gamma/2``, so that the gate is sparse when all its bits are out there. A penalty on the entropy of the
    choice drives them out. The selectors are mixed by a softmax. Codes and shares depend on the input.

    Deviation: the number of experts must be a power of two, where the paper penalises codes that name no expert.

    Args:
        input_shape, task_names, encoder: see :class:`~mtl.sharing.base.Sharing`.
        experts: E, a power of two, at least 2.
        select: k.
        gamma: width of the smooth step.
        entropy: factor of the penalty; 0 leaves the choice as soft as it likes.
    """

    use: Tensor

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        experts: int = 4,
        select: int = 2,
        gamma: float = 1.0,
        entropy: float = 0.001,
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        if experts < 2 or experts & (experts - 1):
            raise InputError(f"model.experts={experts}: expected a power of two, as experts are numbered in binary")
        if not 1 <= select <= experts or gamma <= 0:
            raise InputError(f"model.select={select}, model.gamma={gamma}: expected 1 to {experts}, and more than 0")
        self.experts = Experts(input_shape, encoder, experts)
        template = self.experts.encoder
        self.out_features = template.out_features
        self.gates = nn.ModuleDict(
            {name: DSelectGate(template.summary_features, experts, select, gamma) for name in self.task_names}
        )
        self.entropy = entropy
        self._seen: Tensor | None = None  # what the gates saw in the training step under way
        self.register_buffer("use", torch.zeros(len(self.task_names), experts), persistent=False)

    def mixture(self) -> Tensor:
        return self.use

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        outputs = self.experts(inputs)  # [E, B, ..., D]
        summary = self.experts.encoder.summary(inputs)  # [B, S]
        if self.training and self.entropy:
            self._seen = summary.detach()
        gates = torch.stack([self.gates[name](summary)[0] for name in self.task_names])  # [K, B, E]
        self.use.copy_(gates.detach().mean(1))
        return dict(zip(self.task_names, mix(gates, outputs), strict=True))

    def penalty(self) -> Tensor:
        if self._seen is None:
            return torch.zeros(())
        # Gates once more: the losses' graph through them is used up by now, and they are cheap
        return self.entropy * torch.stack([self.gates[name](self._seen)[1] for name in self.task_names]).sum()

    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return self.gates[task].parameters()

    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.experts.last_stage()
