"""Tasks in groups by the risk that they still have, one weight for each group."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting, check_number
from mtl.weighting.solvers.clusters import means_of_clusters
from mtl.weighting.solvers.quadratic import array, tensor
from mtl.weighting.state.simplex import SimplexWeights


class GO4Align(LossWeighting):
    """Group optimization for multi-task alignment: adaptive group risk minimization.

    Source: Shen, Wang, Xiao, van Noord, Worring, "GO4Align: Group Optimization for Multi-Task Alignment", NeurIPS 2024,
    https://arxiv.org/abs/2404.06486; formulas as in the authors' code, https://github.com/autumn9999/GO4Align.

    ``q_i <- q_i exp(-rate L_i) / sum_j q_j exp(-rate L_j)`` from equal ones, ``gamma_i = q_i sum_j L_j / L_i``: the
    factor brings the losses to one size, q remembers the risks of earlier steps. k-means divides the tasks into groups
    of like ``gamma``; the weight of a task is the mean of ``gamma`` over its group, held constant. Heads get the
    weighted gradient. A task whose loss is 0 or below is left out of the step.

    Deviation: the clusters of k-means are found exactly, which numbers on a line allow; the authors' code moves random
    centres until they rest.

    Args:
        num_tasks: K.
        groups: most groups, 1 or more; with 1 all tasks have one weight.
        rate: how fast q follows the losses, 0 or more, in the unit of the losses.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    needs_positive_losses = True

    def __init__(self, num_tasks: int, groups: int = 2, rate: float = 1e-4, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("groups", groups, whole=True, least=1)
        check_number("rate", rate, least=0)
        self.groups, self.rate = groups, rate
        self.risks = SimplexWeights(num_tasks)  # q

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        seen = losses.detach()
        q = torch.softmax(self.risks.select(tasks).log() - self.rate * seen, 0)
        if not bool(seen.isfinite().all()):  # a loss that is not would stay in q for ever
            return torch.full_like(seen, torch.nan) @ losses
        self.risks.update(tasks, q)
        gamma = q * (seen.sum() / seen)
        weights = tensor(means_of_clusters(array(gamma), self.groups), losses).to(losses)
        return weights @ losses
