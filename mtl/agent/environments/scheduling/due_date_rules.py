"""Dispatching rules that look at due dates."""

import torch
from torch import Tensor

from mtl.suites.scheduling.due_date_features import tardiness_cost_factors
from mtl.suites.scheduling.simulator import Simulator

NEVER = -1e30  # score of what may wait for ever: less than any other, and still a number


def earliest_due_date(simulator: Simulator) -> Tensor:
    """Earliest due date of the job first (EDD); jobs without one last."""
    given = simulator.shops.constraints
    if given is None:
        return torch.zeros_like(simulator.est)
    return (-given.due).clamp(min=NEVER).float()


def apparent_tardiness_cost(simulator: Simulator) -> Tensor:
    """Largest apparent tardiness cost first (ATC), see :func:`tardiness_cost_factors`.

    The logarithm is compared, in which nothing is too small to be a number.
    """
    given = simulator.shops.constraints
    if given is None:
        return torch.zeros_like(simulator.est)
    weight, shortness, urgency = tardiness_cost_factors(simulator, given)
    return (weight + shortness + urgency).clamp(min=NEVER).float()
