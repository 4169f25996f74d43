"""Dispatching rules: what a shop floor does without a plan, on the same simulator as the learned policy."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtl.agent.environments.scheduling.noise import gumbel
from mtl.errors import unknown
from mtl.suites.scheduling.rollout import Policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator


@dataclass(frozen=True)
class Rule:
    """A priority for the waiting operations of a machine.

    Attributes:
        label: what reports call it.
        score: the policy; the highest score goes first, of equals the lowest job number.
        delay: the schedules it chooses from: 0 non-delay, 1 active (see :class:`Simulator`).
    """

    label: str
    score: Policy
    delay: float

    def schedule(self, shops: Shops) -> Tensor:
        """Start times ``[N, J, K]`` by operation."""
        return rollout(self.score, Simulator(shops, self.delay)).starts


def shortest(simulator: Simulator) -> Tensor:
    """Shortest processing time of the next operation first."""
    return -simulator.duration


def most_work(simulator: Simulator) -> Tensor:
    """Most work remaining first: the operation and all after it in its job."""
    shops = simulator.shops
    waiting = torch.arange(shops.durations.shape[2]) >= simulator.next_operation[..., None]
    return (shops.durations * waiting).sum(2)


def most_operations(simulator: Simulator) -> Tensor:
    """Most operations remaining first."""
    return (simulator.shops.lengths - simulator.next_operation).float()


def first_come(simulator: Simulator) -> Tensor:
    """First in, first out: who reached the machine earliest."""
    return -simulator.job_ready


def random_order(seed: int) -> Policy:
    """A policy that takes a random candidate, each with the same probability."""

    def score(simulator: Simulator) -> Tensor:
        step = simulator.next_operation.sum(1)
        return gumbel(seed, torch.zeros_like(step), step, simulator.est.shape[1])

    return score


def rules(seed: int) -> dict[str, Rule]:
    """The rules by name.

    Each builds non-delay schedules, the usual setting, with which none does worse than with active ones: mean gaps on
    ta01..ta10, non-delay / active, were SPT 25.9 / 58.4 %, MWKR 19.2 / 26.9 %, MOR 20.5 / 26.8 %, FIFO 23.9 / 23.9 %,
    random 31.5 / 51.0 %.
    """
    return {
        "spt": Rule("SPT", shortest, 0.0),
        "mwkr": Rule("MWKR", most_work, 0.0),
        "mor": Rule("MOR", most_operations, 0.0),
        "fifo": Rule("FIFO", first_come, 0.0),
        "random": Rule("random", random_order(seed), 0.0),
    }


def select_rules(names: Sequence[str], seed: int, what: str = "baseline") -> dict[str, Rule]:
    """The rules of these names, each once, in the order named.

    Args:
        names: of rules.
        seed: of the rule ``random``.
        what: what the person who names them takes them for, for the message.

    Returns:
        The rules by name.

    Raises:
        InputError: there is no such rule; says the nearest.
    """
    known = rules(seed)
    for name in names:
        if name not in known:
            raise unknown(what, name, known)
    return {name: known[name] for name in names}
