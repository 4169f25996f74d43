"""A weighted sum that also rewards losses in proportion to a preference."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting, check_number
from mtl.weighting.state.per_task_option import PerTaskNumbers
from mtl.weighting.state.preference import Preference


class COSMOS(LossWeighting):
    """Conditioned one-shot multi-objective search, its objective: ``p'L - mu cos(p, L)``.

    Source: Ruchte and Grabocka, "Scalable Pareto Front Approximation for Deep Multi-Objective Learning", ICDM 2021,
    https://arxiv.org/abs/2103.13392.

    ``cos(p, L) = p'L / (|p| |L|)`` pulls the loss vector towards the preference. Heads get the weighted gradient.

    As published the preference is drawn anew every step and told to the network: that is ``model=conditioned``, or
    :class:`~mtl.sharing.palora.PaLoRA`. With other networks there is one preference for the whole training.

    Args:
        num_tasks: K.
        mu: strength of the pull, in the unit of the losses.
        preference: p by task or in order; divided by its sum. Default equal.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(
        self,
        num_tasks: int,
        mu: float = 1.0,
        preference: PerTaskNumbers = None,
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, normalise)
        check_number("mu", mu, least=0)
        self.mu = mu
        self.preference = Preference(num_tasks, preference)

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        p = self.preference.shares(tasks)
        cosine = torch.nn.functional.cosine_similarity(p, losses, 0, torch.finfo(losses.dtype).tiny)
        return p @ losses - self.mu * cosine
