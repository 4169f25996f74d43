"""Experts of which each row and task uses only the k that its gate prefers."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from mtl.config.numbers import check_factor, check_number
from mtl.errors import InputError
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory, RowMean, mean_of_these
from mtl.sharing.experts import ExpertMixture


class Sparse(ExpertMixture):
    """Sparsely gated mixture: ``f_i(x) = sum_j g_ij(x) W_j x``, where only k experts have a weight.

    ``g_i`` is the softmax over the k highest of ``V_i s(x)``, and 0 for the other experts.

    Sources: top-k gates, Shazeer et al., "Outrageously Large Neural Networks", ICLR 2017,
    https://arxiv.org/abs/1701.06538; balance, Fedus, Zoph, Shazeer, "Switch Transformers", JMLR 2022,
    https://arxiv.org/abs/2101.03961 (eq. 4).

    The penalty ``balance * E * sum_e F_e P_e`` keeps all experts at work: over all tasks' rows, ``F_e`` is the share of
    choices that fall on expert e, ``P_e`` its mean probability before the choice; it is least, ``balance``, when all
    are used alike.

    Both are means over the rows of a whole optimizer step.

    Deviations: no noise on the gates, as the penalty already balances; and every expert is computed for every row,
    since the batched product is dearer to cut into pieces than to compute: sparse in what is learned, not in time.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        experts: E.
        select: k, at least 2 of several experts: a softmax over one is always 1, and no task's loss would teach a gate.
        balance: factor of the penalty.

    Raises:
        InputError: 1 of several experts.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        experts: int = 4,
        select: int = 2,
        balance: float = 0.01,
    ) -> None:
        check_number("model.experts", experts, whole=True, least=1)
        check_number("model.select", select, whole=True, least=1, most=experts)
        if select == 1 and experts > 1:
            raise InputError(
                "model.select=1: the only expert of a row always counts 1, so that gates would learn nothing of what "
                "the tasks need: expected 2 or more"
            )
        check_factor("model.balance", balance, least=0)
        super().__init__(input_shape, task_names, encoder, experts)
        self.select = select
        self.balance = balance

    def _logits(self, summary: Tensor) -> Tensor:
        return torch.stack([self.gates[name](summary) for name in self.task_names])  # [K, B, E]

    def _chosen(self, logits: Tensor) -> Tensor:
        """Which experts are among the k highest, ``[K, B, E]`` bool."""
        best = logits.topk(self.select, -1).indices
        return torch.zeros_like(logits, dtype=torch.bool).scatter(-1, best, True)

    @override
    def gate_weights(self, summary: Tensor) -> Tensor:
        logits = self._logits(summary)
        return logits.masked_fill(~self._chosen(logits), -torch.inf).softmax(-1)

    @override
    def penalty(self, batches: Sequence[Inputs] = (), mean: RowMean = mean_of_these) -> Tensor:
        if not batches or not self.balance:
            return torch.zeros(())
        # Gates once more: the losses' graph through them is used up by now, and they are cheap
        logits = self._logits(self.summary(batches))
        chosen = self._chosen(logits).to(logits.dtype) / self.select
        share, likely = mean(torch.stack([chosen, logits.softmax(-1)]).mean(1).movedim(1, 0))  # of [N, 2, E]
        total: Tensor = self.balance * len(share) * (share * likely).sum()
        return total
