"""Rules for shops of which more is demanded than short makespans of given routes: due dates, a choice of machines."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from mtl.suites.scheduling.due_date_features import ATC_RULE, DUE_DATE_FEATURES, due_date_features
from mtl.suites.scheduling.features import BOUND_RULE, CANDIDATE_FEATURES, features
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.rollout import Policy
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator

SCORED = len(CANDIDATE_FEATURES) + len(DUE_DATE_FEATURES)  # columns by which candidates are scored
COLUMNS = SCORED + 2  # and those that say how schedules are built: the delay, and the reluctance to take slow machines


class DemandRule:
    """The policy of a rule that may look at due dates, and says how machines wait and are chosen.

    Args:
        columns: weights of the candidate features and of the due-date features, a delay and a reluctance as of a
            :class:`~mtl.suites.scheduling.simulator.Simulator`: ``[C]``, or ``[N, C]`` for a rule of each shop's own,
            whose last two columns are all equal.

    Attributes:
        columns: the same.
        delay: how long a machine may wait for an operation.
        reluctance: to take a machine that is slow for an operation.
    """

    def __init__(self, columns: Tensor) -> None:
        self.columns = columns
        self.delay, self.reluctance = columns.reshape(-1, COLUMNS)[0, SCORED:].tolist()

    @classmethod
    def atc(cls) -> Self:
        """The apparent tardiness cost, without delay."""
        return cls(torch.tensor([*[0.0] * len(CANDIDATE_FEATURES), *ATC_RULE, 0.0, 0.0]))

    @classmethod
    def bound(cls) -> Self:
        """The bound rule, with all active schedules."""
        return cls(torch.tensor([*BOUND_RULE, *[0.0] * len(DUE_DATE_FEATURES), 1.0, 0.0]))

    def __call__(self, simulator: Simulator) -> Tensor:
        """Scores of the jobs, ``[N, J]``; minus infinity of those that are no candidates."""
        jobs, mask = simulator.candidates()
        known, scored = features(simulator)["candidates"], self.columns[..., :SCORED]
        dated = scored[..., len(CANDIDATE_FEATURES) :]
        if bool(dated.any()):
            places = jobs[..., None].expand(-1, -1, len(DUE_DATE_FEATURES))
            known = torch.cat([known, due_date_features(simulator).gather(1, places)], -1)
        else:
            scored = scored[..., : len(CANDIDATE_FEATURES)]
        scores = (known * scored.unsqueeze(-2)).sum(-1).masked_fill(~mask, -torch.inf)
        return torch.full_like(simulator.est, -torch.inf).scatter_(1, jobs, scores)


def simulator_for(policy: Policy, shops: Shops) -> Simulator:
    """A simulator in which machines wait and are chosen as a policy says; by default as :class:`Simulator` does it."""
    if isinstance(policy, DemandRule):
        return Simulator(shops, policy.delay, policy.reluctance)
    return Simulator(shops)


def is_demanding(instances: Sequence[JobShop]) -> bool:
    """Whether one of these shops is to keep due dates by its objective, or has machines to choose."""
    return any(one.objective != "makespan" or one.alternatives is not None for one in instances)
