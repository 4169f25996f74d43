"""Weights from the learned noise of each task."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from mtl.errors import unknown
from mtl.weighting.base import LossWeighting, check_number
from mtl.weighting.state.task_values import select_tasks

REGULARISERS = ("kendall", "liebel")
START = 40.0  # largest s at the start: gradients that exp(s) scales further have no norm in single precision


class Uncertainty(LossWeighting):
    """Homoscedastic-uncertainty weighting: ``sum_i 1/2 exp(-s_i) L_i + r(s_i)``, with learned ``s_i``.

    Sources: Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics", CVPR 2018, https://arxiv.org/abs/1705.07115 (equation 7; the log-variance is learned, as the authors
    advise, because it cannot divide by zero): ``r(s) = s / 2``, with the optimum ``sigma_i^2 = L_i``. Liebel and
    Koerner, "Auxiliary Tasks in Multi-task Learning", 2018, https://arxiv.org/abs/1805.06334: ``r(s) = log(1 +
    exp(s))``, which never becomes negative.

    Symbols: ``L_i`` loss of task i, ``sigma_i`` its observation noise, ``s_i = log sigma_i^2``. The weights ``1/2
    exp(-s_i)`` do not depend on this step's losses. ``s`` is trained by the network's optimizer, without weight decay.
    Heads get the weighted gradient.

    Deviation: Kendall et al. write ``1/sigma^2`` without the half for classification; one form for all tasks keeps the
    objective a function of the losses alone. The difference is a constant factor that the learned ``s_i`` absorbs.

    Args:
        num_tasks: K.
        initial: ``s_i`` at the start, for all tasks.
        regulariser: ``kendall`` or ``liebel``.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    linear = True
    grows_below_zero = True

    def __init__(
        self, num_tasks: int, initial: float = 0.0, regulariser: str = "kendall", normalise: str = "none"
    ) -> None:
        super().__init__(num_tasks, normalise)
        if regulariser not in REGULARISERS:
            raise unknown("weighting.regulariser", regulariser, REGULARISERS)
        self.regulariser = regulariser
        check_number("initial", initial, least=-START, most=START)
        self.log_variance = nn.Parameter(torch.full((num_tasks,), float(initial)))

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        s = select_tasks(self.log_variance, tasks)
        price = 2 * nn.functional.softplus(s) if self.regulariser == "liebel" else s
        return 0.5 * ((-s).exp() * losses + price).sum()
