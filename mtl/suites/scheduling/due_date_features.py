"""What a rule may know of the due dates of candidates; the network's own features say nothing of them."""

import torch
from torch import Tensor

from mtl.suites.scheduling.padded_constraints import PaddedConstraints
from mtl.suites.scheduling.simulator import Simulator

# Of the apparent tardiness cost: how far ahead it looks, in mean operations, and how long an operation waits for its
# machine, in durations of its own. Both as the paper has them for job shops.
LOOK_AHEAD = 3.0
WAIT_PER_WORK = 2.0
FARTHEST = 1000.0  # a due date farther away, in durations, or none counts as one so far away

DUE_DATE_FEATURES: tuple[str, ...] = (
    "weight",  # log of the cost of a time unit of tardiness
    "shortness",  # minus the log of the duration
    "urgency",  # how near the last moment is at which a job can go on and be in time: 0 or less, 0 where it is over
    "slack",  # time until the due date less the work that remains, squashed
    "lateness",  # log of one more than the weight, where the job cannot be in time any more
    "time_left",  # time until the due date, squashed
)

# The apparent tardiness cost as weights of these; see :func:`due_date_features`
ATC_RULE = (1.0, 1.0, 1.0, 0.0, 0.0, 0.0)


def due_date_features(simulator: Simulator) -> Tensor:
    """What ``DUE_DATE_FEATURES`` says of the next operation of every job, in candidate sets and outside, ``[N, J, E]``.

    The sum of the first three is the logarithm of the apparent tardiness cost, see :func:`tardiness_cost_factors`.

    Args:
        simulator: the shops. All are 0 where no shop has due dates.

    Returns:
        The features.
    """
    shops, given = simulator.shops, simulator.shops.constraints
    if given is None:
        return torch.zeros(*simulator.est.shape, len(DUE_DATE_FEATURES))
    weight, shortness, urgency = tardiness_cost_factors(simulator, given)
    unit = shops.unit.double().clamp(min=1e-9)[:, None]
    spare = (given.due - (simulator.ect + work_after(simulator)).double()) / unit
    present = simulator.est.masked_fill(~simulator.legal, torch.inf).amin(1, keepdim=True)
    left = (given.due - present) / unit
    found = (
        weight,
        shortness,
        urgency.clamp(min=-FARTHEST),
        squashed(spare),
        (spare < 0).double() * given.weights.log1p(),
        squashed(left),
    )
    return torch.stack(found, -1).float()


def tardiness_cost_factors(simulator: Simulator, given: PaddedConstraints) -> tuple[Tensor, Tensor, Tensor]:
    """The logarithms of the factors of the apparent tardiness cost of every job's next operation.

    The cost is ``w / p * exp(-max(0, slack) / (k P))`` with the weight w of the job, the duration p of the operation,
    the mean duration P of the candidates, and ``slack = due - t - p - sum (1 + b) q`` over the durations q of the
    operations after it, each of which is expected to wait for ``b q``; t is the earliest start, b = 2, k = 3. A. P. J.
    Vepsalainen and T. E. Morton, "Priority rules for job shops with weighted tardiness costs", Management Science
    33(8), 1987, https://doi.org/10.1287/mnsc.33.8.1035. Deviation: the mean is over the conflict set, which is the
    queue of the machine here.

    Args:
        simulator: the shops.
        given: their constraints.

    Returns:
        Those of w, of 1 / p, and of the exponential function, which is minus infinity without a due date, ``[N, J]``
        float64 each.
    """
    after = work_after(simulator)
    slack = given.due - (simulator.est + simulator.duration + (1.0 + WAIT_PER_WORK) * after).double()
    queue = (simulator.duration * simulator.legal).sum(1) / simulator.legal.sum(1).clamp(min=1)
    urgency = -slack.clamp(min=0.0) / (LOOK_AHEAD * queue.clamp(min=1.0)[:, None])
    return given.weights.clamp(min=1e-9).log(), -simulator.duration.clamp(min=1.0).log().double(), urgency


def work_after(simulator: Simulator) -> Tensor:
    """Work of each job after its next operation, ``[N, J]``."""
    shops = simulator.shops
    place = simulator.next_operation.clamp(max=shops.durations.shape[2] - 1)[..., None]
    return shops.tails.gather(2, place).squeeze(2)


def squashed(times: Tensor) -> Tensor:
    """``sign(x) log(1 + |x|)`` of times in mean operations, of which no one is farther away than the farthest."""
    near = times.clamp(-FARTHEST, FARTHEST)
    return near.sign() * near.abs().log1p()
