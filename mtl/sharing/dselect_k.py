"""Experts mixed by gates that choose k of them and can be differentiated."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from typing_extensions import override

from mtl.config.numbers import check_factor, check_number
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory, RowMean, mean_of_these
from mtl.sharing.experts import ExpertMixture

SMALLEST = 1e-6  # keeps the logarithm of the entropy finite


def smooth_step(values: Tensor, gamma: float) -> Tensor:
    """0 below ``-gamma/2``, 1 above ``gamma/2``, and a cubic between that has no corner: elementwise."""
    t = (values / gamma).clamp(-0.5, 0.5)
    return 0.5 + 1.5 * t - 2 * t**3


class DSelectGate(nn.Module):
    """One task's gate: ``[B, S] -> [B, E]``, and by the same pass two penalties of every row, ``[B]`` each."""

    codes: Tensor

    def __init__(self, features: int, experts: int, select: int, gamma: float) -> None:
        super().__init__()
        self.bits = (experts - 1).bit_length()
        self.select = select
        self.gamma = gamma
        self.code = nn.Linear(features, select * self.bits)  # which expert each of the k selectors points at
        nn.init.uniform_(self.code.weight, -gamma / 100, gamma / 100)
        nn.init.uniform_(self.code.bias, -gamma / 100, gamma / 100)
        # How much each selector counts; a single one counts 1 and has nothing to learn
        self.share = nn.Linear(features, select) if select > 1 else None
        codes = torch.arange(experts).unsqueeze(1) >> torch.arange(self.bits) & 1
        self.register_buffer("codes", codes.bool(), persistent=False)  # [E, bits]

    def forward(self, summary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights of the experts, and what is to be penalised, of every row.

        Args:
            summary: the encoder's summary of the inputs, ``[B, S]``.

        Returns:
            Weights of the experts ``[B, E]``; entropy of the selectors' choices ``[B]`` (0 where each points at one
            expert); ``sum_s 1 / m_s - 1`` ``[B]``, where selector s gives the experts a mass ``m_s`` and the rest to
            numbers that no expert has.
        """
        step = smooth_step(self.code(summary).unflatten(-1, (self.select, 1, self.bits)), self.gamma)
        points = torch.where(self.codes, step, 1 - step).prod(-1)  # [B, k, E]
        shares = torch.ones_like(points[..., 0]) if self.share is None else self.share(summary).softmax(-1)  # [B, k]
        entropy = -(points * (points + SMALLEST).log()).sum((-1, -2))
        lost = (1 / points.sum(-1).clamp(SMALLEST, 1.0) - 1).sum(-1)
        return (shares.unsqueeze(-1) * points).sum(1), entropy.clamp(min=0.0), lost


class DSelectK(ExpertMixture):
    """DSelect-k: ``f_i(x) = sum_j g_ij(x) W_j x`` with smooth gates that end up choosing at most k experts.

    Source: Hazimeh et al., "DSelect-k: Differentiable Selection in the Mixture of Experts with Applications to
    Multi-Task Learning", NeurIPS 2021, https://arxiv.org/abs/2106.03760.

    Each of k selectors s writes the number of an expert in binary, ``r_s(x)_j = prod_b S(c_sb)`` over the bits b that
    are 1 in j, times ``1 - S(c_sb)`` over those that are 0. The smooth step S (:func:`smooth_step`) makes a bit exactly
    0 or 1 outside ``+- gamma/2``, so that the gate ``g_i(x) = sum_s softmax(V_i x)_s r_s(x)`` is sparse when all its
    bits are out there. The penalty ``entropy * sum_s H(r_s)`` drives them out. Codes c and shares depend on the input,
    by linear layers on the encoder's summary of it. Where E is no power of two, a selector may write a number that no
    expert has; as in the authors' code, ``sum_s 1 / sum_j r_sj`` is then added to the penalty (less k, its least value,
    which changes no gradient). Penalties are means over the rows of a whole optimizer step, sums over tasks.

    Deviation: the authors' code sums the penalties over a batch's rows, and so weighs them by the batch size.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        experts: E, at least 2.
        select: k.
        gamma: width of the smooth step.
        entropy: factor of the penalty; 0 leaves the choice as soft as it likes.
    """

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
        check_number("model.experts", experts, whole=True, least=2)  # to choose from
        check_number("model.select", select, whole=True, least=1, most=experts)
        check_factor("model.gamma", gamma, above=0)
        check_factor("model.entropy", entropy, least=0)
        super().__init__(input_shape, task_names, encoder, experts, partial(DSelectGate, select=select, gamma=gamma))
        self.entropy = entropy
        self.numbers_without_expert = experts & (experts - 1) > 0

    @override
    def gate_weights(self, summary: Tensor) -> Tensor:
        return torch.stack([self.gates[name](summary)[0] for name in self.task_names])

    @override
    def penalty(self, batches: Sequence[Inputs] = (), mean: RowMean = mean_of_these) -> Tensor:
        if not batches or not (self.entropy or self.numbers_without_expert):
            return torch.zeros(())
        # Gates once more: the losses' graph through them is used up by now, and they are cheap
        summary = self.summary(batches)
        terms = [self.gates[name](summary)[1:] for name in self.task_names]
        entropy, lost = mean(torch.stack([torch.stack(pair, -1) for pair in terms], 1)).sum(0)  # of [N, K, 2]
        total: Tensor = self.entropy * entropy + (lost if self.numbers_without_expert else 0.0)
        return total
