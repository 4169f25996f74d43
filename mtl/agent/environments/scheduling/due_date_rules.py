"""Dispatching rules that look at due dates."""

import torch
from torch import Tensor

from mtl.suites.scheduling.simulator import Simulator

# Of the apparent tardiness cost: how far ahead it looks, in mean operations, and how long an operation waits for its
# machine, in durations of its own. Both as the paper has them for job shops.
LOOK_AHEAD = 3.0
WAIT_PER_WORK = 2.0
NEVER = -1e30  # score of what may wait for ever: less than any other, and still a number


def earliest_due_date(simulator: Simulator) -> Tensor:
    """Earliest due date of the job first (EDD); jobs without one last."""
    given = simulator.shops.constraints
    if given is None:
        return torch.zeros_like(simulator.est)
    return (-given.due).clamp(min=NEVER).float()


def apparent_tardiness_cost(simulator: Simulator) -> Tensor:
    """Largest apparent tardiness cost first (ATC).

    ``w / p * exp(-max(0, slack) / (k P))`` with the weight w of the job, the duration p of the operation, the mean
    duration P of the candidates, and ``slack = due - t - p - sum (1 + b) q`` over the durations q of the operations
    after it, each of which is expected to wait for ``b q``; t is the earliest start, b = 2, k = 3. A. P. J. Vepsalainen
    and T. E. Morton, "Priority rules for job shops with weighted tardiness costs", Management Science 33(8), 1987,
    https://doi.org/10.1287/mnsc.33.8.1035. The logarithm is compared, in which nothing is too small to be a number.
    Deviation: the mean is over the conflict set, which is the queue of the machine here.
    """
    shops, given = simulator.shops, simulator.shops.constraints
    if given is None:
        return torch.zeros_like(simulator.est)
    place = simulator.next_operation.clamp(max=shops.durations.shape[2] - 1)[..., None]
    after = shops.tails.gather(2, place).squeeze(2)
    slack = given.due - (simulator.est + simulator.duration + (1.0 + WAIT_PER_WORK) * after).double()
    queue = (simulator.duration * simulator.legal).sum(1) / simulator.legal.sum(1).clamp(min=1)
    urgency = -slack.clamp(min=0.0) / (LOOK_AHEAD * queue.clamp(min=1.0)[:, None])
    cost = given.weights.clamp(min=1e-9).log() - simulator.duration.clamp(min=1.0).log()
    return (cost + urgency).clamp(min=NEVER).float()
