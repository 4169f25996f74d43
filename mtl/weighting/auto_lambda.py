"""Weights that lower the loss of chosen tasks on held-out rows."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from mtl.errors import InputError, unknown
from mtl.weighting.base import check_number
from mtl.weighting.held_out import HeldOutWeighting
from mtl.weighting.state.adam import Adam
from mtl.weighting.state.per_task_option import check_several


class AutoLambda(HeldOutWeighting):
    """Auto-Lambda: how much each task's gradient helps the primary tasks on rows the network is not trained with.

    Source: Liu, James, Davison, Johns, "Auto-Lambda: Disentangling Dynamic Task Relationships", TMLR 2022,
    https://arxiv.org/abs/2202.03091.

    ``min_w sum_(j primary) F_j(theta - lr sum_i w_i g_i)``: w moves by Adam along ``<sum_j grad F_j(theta'), g_i>``,
    with training gradients ``g_i`` and held-out losses ``F_j``. Heads get the weighted gradient.

    Deviations:
        - the derivative is exact (:class:`~mtl.weighting.held_out.HeldOutWeighting`), where paper and code take finite
          differences of the training losses; it is of the step just taken, not of a trial step;
        - it is divided by the gradients' lengths, so that the unit of the losses does not matter to Adam;
        - weights stay at 0 or above: one below would teach the opposite, without bound;
        - held-out rows are a share of the training rows, and not trained with. The authors' code draws other batches of
          the training rows themselves;
        - lr is 0.001 and not 0.0001, for trainings of thousands of steps.

    Needs a number per task and parameter, twice.

    Args:
        num_tasks: K.
        primary: names of the tasks that the weights are to serve; default all that are not auxiliary.
        initial: every weight at first, above 0.
        lr: of the weights' Adam, above 0.
        held_out: share of the training rows, see :class:`~mtl.weighting.held_out.HeldOutWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    weights: Tensor
    serves: Tensor

    def __init__(
        self,
        num_tasks: int,
        primary: Sequence[str] | None = None,
        initial: float = 0.1,
        lr: float = 1e-3,
        held_out: float = 0.1,
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, held_out, normalise)
        check_number("initial", initial, above=0)
        check_number("lr", lr, above=0)
        check_several("weighting.primary", primary, "a list of task names")
        self.primary = list(primary or [])
        self._waits_for_names = bool(self.primary)
        self.register_buffer("weights", torch.full((num_tasks,), float(initial)))
        self.register_buffer("serves", torch.ones(num_tasks))
        self.adam = Adam(num_tasks, lr)

    @override
    def bind(self, names: Sequence[str]) -> None:
        super().bind(names)
        for name in self.primary:
            if name not in names:
                raise unknown("task in weighting.primary", name, names)
        self._waits_for_names = False
        if self.primary:
            self.serves.copy_(torch.tensor([float(name in self.primary) for name in names]))

    @override
    def serve(self, tasks: Sequence[int]) -> None:
        if not self.primary:
            self.serves.zero_()[list(tasks)] = 1

    @override
    def current_weights(self, tasks: Tensor) -> Tensor:
        return self.weights[tasks]

    @override
    def objectives(self, losses: list[Tensor], tasks: list[int]) -> list[Tensor]:
        if self._waits_for_names:
            raise InputError(
                "weighting.primary goes by task name: call bind(names) of the weighting before the first step"
            )
        served = [loss for loss, i in zip(losses, tasks, strict=True) if self.serves[i]]
        return [torch.stack(served).sum()] if served else []

    @override
    def improve(self, products: Tensor, tasks: Tensor) -> None:
        self.weights.sub_(self.adam.step(-products[0], tasks)).clamp_(min=0)
