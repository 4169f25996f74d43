"""What schedules cost that rules and agents build of shops with due dates or a choice of machines."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor

from mtl.agent.improvement.population import dispatch_head
from mtl.network import Network
from mtl.suites.scheduling.demand_rules import SCORED, DemandRule, simulator_for
from mtl.suites.scheduling.due_date_features import due_date_features
from mtl.suites.scheduling.features import features
from mtl.suites.scheduling.rollout import Policy, RulePolicy, network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator

Part = TypeVar("Part")
Built = TypeVar("Built")
_ROWS = 256  # schedules that are built at once


def rule_costs(rules: Tensor, groups: Sequence[Shops]) -> list[Tensor]:
    """Schedule every shop with every rule.

    Args:
        rules: columns of :class:`~mtl.suites.scheduling.demand_rules.DemandRule`, ``[P, C]``.
        groups: shops of about one size each, N in a group.

    Returns:
        What each schedule costs by the objective of its shop, ``[P, N]`` float64 for each group.
    """
    ways = sorted({tuple(way) for way in rules[:, SCORED:].tolist()})  # a simulator waits and chooses machines in one
    found = [torch.empty(len(rules), len(shops), dtype=torch.double) for shops in groups]
    parts = []
    for way in ways:
        members = (rules[:, SCORED:] == torch.tensor(way)).all(1).nonzero().squeeze(1)
        for group, shops in enumerate(groups):
            pairs = torch.cartesian_prod(members, torch.arange(len(shops)))
            parts += [(group, rows) for rows in torch.split(pairs, _ROWS)]

    def build(part: tuple[int, Tensor]) -> None:
        group, rows = part
        with torch.inference_mode():
            policy = DemandRule(rules[rows[:, 0]])
            cost = rollout(policy, simulator_for(policy, groups[group].take(rows[:, 1]))).cost
        found[group][rows[:, 0], rows[:, 1]] = cost

    side_by_side(build, parts)
    return found


def agent_costs(network: Network, task: str, groups: Sequence[Shops]) -> list[Tensor]:
    """What the cheapest of an agent's greedy schedules costs, ``[N]`` float64 for each group of shops.

    Args:
        network: on the CPU; its further dispatchers are the agent's.
        task: whose head chooses.
        groups: shops of about one size each.

    Returns:
        The costs.
    """
    head = dispatch_head(network, task)
    rules: list[Tensor | None] = [None, *([] if head.others is None else head.others)]
    found = [torch.full((len(shops),), torch.inf, dtype=torch.double) for shops in groups]

    def build(part: tuple[int, Tensor | None]) -> tuple[int, Tensor]:
        group, rule = part
        policy = first_dispatcher(network, task) if rule is None else RulePolicy(rule)
        with torch.inference_mode():
            return group, rollout(policy, Simulator(groups[group])).cost

    for group, cost in side_by_side(build, [(group, rule) for group in range(len(groups)) for rule in rules]):
        found[group] = torch.minimum(found[group], cost)
    if head.demanding is not None:
        further = rule_costs(head.demanding, groups)
        found = [torch.minimum(one, more.amin(0)) for one, more in zip(found, further, strict=True)]
    return found


def first_dispatcher(network: Network, task: str) -> Policy:
    """The policy of a copy of a network, which no other thread uses."""
    own = deepcopy(network).eval()
    return network_policy(lambda inputs: own(inputs)[task])


@torch.inference_mode()
def deviations(rule: DemandRule, groups: Sequence[Shops]) -> Tensor:
    """``[S]``: standard deviations of the scored features among the candidates of one state.

    Args:
        rule: builds the schedules over whose states the mean square is.
        groups: shops.

    Returns:
        The deviations.
    """
    squares, count = torch.zeros(SCORED, dtype=torch.double), 0

    def policy(simulator: Simulator) -> Tensor:
        nonlocal squares, count
        jobs, mask = simulator.candidates()
        dated = due_date_features(simulator)
        dated = dated.gather(1, jobs[..., None].expand(-1, -1, dated.shape[2]))
        values = torch.cat([features(simulator)["candidates"], dated], -1).masked_fill(~mask[..., None], 0.0)
        mean = values.sum(1, keepdim=True) / mask.sum(1).clamp(min=1)[:, None, None]
        squares += ((values - mean) * mask[..., None]).double().square().sum((0, 1))
        count += int(mask.sum())
        return rule(simulator)

    for shops in groups:
        rollout(policy, simulator_for(rule, shops))
    return (squares / max(count, 1)).sqrt().float()


def side_by_side(build: Callable[[Part], Built], parts: Sequence[Part]) -> list[Built]:
    """What is built of each part, by as many threads as torch has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # each operation is small: whole parts side by side use the cores better
    pool = ThreadPoolExecutor(threads)
    try:
        return list(pool.map(build, parts))
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption does not wait for what has not begun
        torch.set_num_threads(threads)
