"""Dispatching rules: what a shop floor does without a plan, on the same simulator as the learned policy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtl.agent.environments.scheduling.due_date_rules import apparent_tardiness_cost, earliest_due_date
from mtl.agent.environments.scheduling.noise import gumbel
from mtl.errors import InputError, unknown
from mtl.suites.scheduling.features import bound_rule_scores, features
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.plans import Plans
from mtl.suites.scheduling.rollout import Policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator

BY_DUE_DATE = ("edd", "atc")  # rules that mean something only where jobs have due dates


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
        return self.build(shops).starts

    def build(self, shops: Shops) -> Plans:
        """Start times and machines; where several can do an operation, the one on which it ends first."""
        return rollout(self.score, Simulator(shops, self.delay)).plans


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


def least_bound_rise(simulator: Simulator) -> Tensor:
    """The candidate first after which the lower bounds of machines and jobs rise least, together: the bound rule.

    The rise is that of a smooth maximum of all bounds (see :mod:`mtl.suites.scheduling.features`), which the network
    reads as ``smooth_bound_rise_0.03``; the wait for the start, a hundredth as heavy, decides between equals.
    """
    inputs = features(simulator)
    jobs, mask = simulator.candidates()
    scores = bound_rule_scores(inputs).masked_fill(~mask, -torch.inf)
    return torch.full_like(simulator.est, -torch.inf).scatter_(1, jobs, scores)


def flow_due_date(simulator: Simulator) -> Tensor:
    """Least flow due date per work remaining first (FDD/MWKR): work up to the operation's end over work from it on.

    V. Sels, N. Gheysen and M. Vanhoucke, "A comparison of priority rules for the job shop scheduling problem under
    different flow time- and tardiness-related objective functions", International Journal of Production Research
    50(15), 2012, https://doi.org/10.1080/00207543.2011.611539.
    """
    shops = simulator.shops
    place = simulator.next_operation.clamp(max=shops.durations.shape[2] - 1)[..., None]
    before = shops.before.gather(2, place).squeeze(2)
    return -(before + simulator.duration) / most_work(simulator).clamp(min=1.0)


def random_order(seed: int) -> Policy:
    """A policy that takes a random candidate, each with the same probability."""

    def score(simulator: Simulator) -> Tensor:
        step = simulator.next_operation.sum(1)
        return gumbel(seed, torch.zeros_like(step), step, simulator.est.shape[1])

    return score


def rules(seed: int) -> dict[str, Rule]:
    """The rules by name, the strongest first; of EDD and ATC, which look at due dates, that says nothing.

    The bound rule builds active schedules, as the agent does. Each of the others builds non-delay schedules, the usual
    setting, with which none does worse than with active ones: mean gaps on ta01..ta10, non-delay / active, were SPT
    25.9 / 58.4 %, MWKR 19.2 / 26.9 %, MOR 20.5 / 26.8 %, FIFO 23.9 / 23.9 %, random 31.5 / 51.0 %. FDD/MWKR, non-delay
    too, was at 17.7 %, and the bound rule at 11.1 %.
    """
    return {
        "bound": Rule("bound\nrule", least_bound_rise, 1.0),
        "fdd": Rule("FDD/\nMWKR", flow_due_date, 0.0),
        "spt": Rule("SPT", shortest, 0.0),
        "mwkr": Rule("MWKR", most_work, 0.0),
        "mor": Rule("MOR", most_operations, 0.0),
        "fifo": Rule("FIFO", first_come, 0.0),
        "edd": Rule("EDD", earliest_due_date, 0.0),
        "atc": Rule("ATC", apparent_tardiness_cost, 0.0),
        "random": Rule("ran-\ndom", random_order(seed), 0.0),
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


def check_due_dates(names: Iterable[str], instances: Iterable[JobShop], what: str = "baseline") -> None:
    """Check that rules by due dates are asked for shops with due dates; without any they go by the jobs' numbers.

    Args:
        names: of rules.
        instances: for which they are asked.
        what: as for :func:`select_rules`.

    Raises:
        InputError: a shop has none.
    """
    for name in names:
        for instance in instances if name in BY_DUE_DATE else ():
            if not instance.constraints.dated:
                raise InputError(f"{what} {name}: no job of instance {instance.name} has a due date")
