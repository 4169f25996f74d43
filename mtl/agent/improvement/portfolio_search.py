"""Further dispatchers from the outcome: of many rules, those that together make the best of all schedules shortest."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import override

from mtl.agent.improvement.base import Progress, Watch
from mtl.agent.improvement.complement_search import Complement, add_dispatcher, keep_shorter
from mtl.agent.improvement.population import dispatch_head, rule_makespans, team_ratios
from mtl.agent.improvement.shop_search import ShopSearch
from mtl.config.run_result import ImprovementResult
from mtl.errors import InputError
from mtl.network import Network
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.suites.scheduling.features import BOUND_RULE
from mtl.suites.scheduling.shops import Shops

_SHOPS = 15  # stream of the shops that candidates schedule


@dataclass(eq=False)
class PortfolioSearch(ShopSearch):
    """Draws rules at random, and gives the agent those that complement its dispatchers and each other best.

    Candidates are normally distributed around the rule of the agent's first dispatcher, in the coordinates of
    :class:`~mtl.agent.improvement.outcome_search.Coordinates`. All of them schedule the same generated shops. With the
    makespan ``c_is`` of candidate i on shop s relative to the bound rule's, and that of the shortest schedule so far,
    ``b_s``, the candidate with the least mean of ``min(c_is, b_s)`` is taken, then the next one beside it, and so on;
    the mean is over the shops of a size, and then over sizes. What a set of rules takes off is a submodular function
    of the set, so that this greedy choice takes off at least ``1 - 1/e`` of what the best set of candidates of that
    size would.

    Sources: G. L. Nemhauser, L. A. Wolsey, M. L. Fisher, "An analysis of approximations for maximizing submodular set
    functions", Mathematical Programming 14, 1978, https://doi.org/10.1007/BF01588971; of portfolios made of
    complementing configurations: L. Xu, H. H. Hoos, K. Leyton-Brown, "Hydra: Automatically Configuring Algorithms for
    Portfolio-Based Selection", AAAI 2010, https://doi.org/10.1609/aaai.v24i1.7565.

    Deviation from Hydra: candidates are drawn at random, in place of a configurator that searches each of them.

    Attributes:
        spread: standard deviation of the candidates in each dimension.
        dispatchers: that are taken, of generations times members candidates.
    """

    spread: float = 0.08
    dispatchers: int = 4

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        drawn = self.generations * self.members
        if not 1 <= self.dispatchers <= drawn:
            raise InputError(f"improve.dispatchers={self.dispatchers}: expected 1 to as many as are drawn, {drawn}")

    @property
    @override
    def adds_dispatchers(self) -> bool:
        return True

    @override
    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        return keep_shorter(self, network, seed, memory, watch, self.generations)

    @override
    def propose(self, network: Network, seed: int, memory: Path, watch: Watch) -> float:
        search = Complement.of(self, network, seed)
        groups = [group.shops(seed, _SHOPS, 0) for group in self.groups]
        began = time.perf_counter()
        coordinates = search.begin().coordinates
        have = [one[0] for one in team_ratios([search.network], self.task, groups)]
        draws = torch.Generator().manual_seed(seed)
        drawn = coordinates.start + self.spread * torch.randn(
            self.generations * self.members, len(coordinates.start), generator=draws
        )
        rules = coordinates.weights(drawn)[0]
        tried, before = read_tried(memory, [len(one) for one in have])
        for part in range(len(tried[0]) // self.members, self.generations):
            costs = relative(rules[part * self.members : (part + 1) * self.members], groups)
            tried = [torch.cat([old, new]) for old, new in zip(tried, costs, strict=True)]
            seconds = before + time.perf_counter() - began
            tensors = {f"costs.{number}": costs for number, costs in enumerate(tried)}
            write_checkpoint(memory, {"state_dict": {**tensors, "seconds": torch.tensor(seconds, dtype=torch.double)}})
            reached = complementing(tried, have, min(self.dispatchers, len(tried[0])))[1]
            watch(Progress(part + 1, self.generations, {"best": reached}))
        for one in complementing(tried, have, self.dispatchers)[0]:
            add_dispatcher(dispatch_head(network, self.task), rules[one])
        return before + time.perf_counter() - began


def relative(rules: Tensor, groups: Sequence[Shops]) -> list[Tensor]:
    """``[P, N]`` for each group of shops: how much longer the schedules of rules are than the bound rule's."""
    built = rule_makespans(torch.cat([rules, torch.tensor(BOUND_RULE)[None]]), groups, torch.get_num_threads())
    return [one[:-1] / one[-1] - 1.0 for one in built]


def complementing(costs: Sequence[Tensor], have: Sequence[Tensor], count: int) -> tuple[list[int], float]:
    """The candidates that greedily make the best of all smallest.

    Args:
        costs: of P candidates, ``[P, N]`` for each group.
        have: the least cost without them, ``[N]`` for each group.
        count: how many to take.

    Returns:
        Their numbers, in the order in which they are taken; and the mean least cost with them.
    """
    best, chosen, reached = list(have), list[int](), 0.0
    for _ in range(count):
        means = [torch.minimum(cost, least).mean(1) for cost, least in zip(costs, best, strict=True)]
        with_each = torch.stack(means).mean(0)
        with_each[chosen] = torch.inf  # each once
        chosen.append(int(with_each.argmin()))
        reached = float(with_each[chosen[-1]])
        best = [torch.minimum(cost[chosen[-1]], least) for cost, least in zip(costs, best, strict=True)]
    return chosen, reached


def read_tried(memory: Path, counts: Sequence[int]) -> tuple[list[Tensor], float]:
    """What an interrupted search has tried, ``[P, N]`` for each group, and its seconds. InputError if it is damaged."""
    if not memory.is_file():
        return [torch.empty(0, count) for count in counts], 0.0
    tensors = read_checkpoint(memory)["state_dict"]
    found = [tensors.get(f"costs.{number}") for number in range(len(counts))]
    if "seconds" not in tensors or any(
        one is None or one.ndim != 2 or one.shape[1] != n for one, n in zip(found, counts, strict=True)
    ):
        raise InputError(f"'{memory}' is damaged: it is not the state of a search for a portfolio")
    return found, float(tensors["seconds"])
