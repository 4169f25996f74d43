"""Dispatchers for shops with due dates or a choice of machines: those that together make the best schedule cheapest."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from mtl.agent.improvement.base import Progress, Watch
from mtl.agent.improvement.complement_search import has_bound_rule, keep_shorter
from mtl.agent.improvement.outcome_search import Coordinates
from mtl.agent.improvement.population import dispatch_head
from mtl.agent.improvement.portfolio_search import complementing, read_tried
from mtl.agent.improvement.rule_costs import agent_costs, deviations, rule_costs
from mtl.agent.improvement.shop_search import VALIDATION, Group, ShopSearch
from mtl.config.run_result import ImprovementResult
from mtl.errors import InputError, unknown
from mtl.network import Network
from mtl.nn.heads import ChoiceHead
from mtl.runs.checkpoint import write_checkpoint
from mtl.suites.scheduling.demand_rules import SCORED, DemandRule
from mtl.suites.scheduling.demanding_shops import DEMANDS, demanding_shop
from mtl.suites.scheduling.shops import Shops

_SHOPS = 16  # stream of the shops that candidates schedule
REFERENCES = {"due_dates": "the weighted tardiness of ATC", "machines": "the bound rule's makespan"}
# Delays, and reluctances to take slow machines, among which candidates are drawn
WAYS = {"due_dates": ((0.0, 0.25), (0.0,)), "machines": ((0.0, 0.25, 1.0), (0.0, 1.0))}


@dataclass(eq=False)
class DemandSearch(ShopSearch):
    """Draws rules for shops of which more is demanded, and gives the agent those that complement its dispatchers best.

    As :class:`~mtl.agent.improvement.portfolio_search.PortfolioSearch`, but on shops with due dates, whose weighted
    tardiness counts, or on shops with a choice of machines. The rules found are beside those that the agent has, and
    act in such shops alone. A candidate is drawn around a rule without learning, or around one that was found before:
    weights of the candidate features and of the due dates
    (:data:`~mtl.suites.scheduling.due_date_features.DUE_DATE_FEATURES`), how long a machine may wait for an operation,
    and how reluctant a job is to take a slow machine.

    Tardiness is relative to the mean tardiness of the rule without learning (ATC) over the shops of a size, since that
    of a single shop is often 0; makespans are relative to the bound rule's on the same shop.

    Attributes:
        demand: ``due_dates`` or ``machines``.
        spread: standard deviation of the candidates in each dimension, where the rule that they are drawn around has
            length 1.
        dispatchers: that are taken, of generations times members candidates.
    """

    spread: float = 0.12
    demand: str = "due_dates"
    dispatchers: int = 4

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.demand not in DEMANDS:
            raise unknown("shops in search.demand", self.demand, DEMANDS)
        drawn = self.generations * self.members
        if not 1 <= self.dispatchers <= drawn:
            raise InputError(f"search.dispatchers={self.dispatchers}: expected 1 to as many as are drawn, {drawn}")
        self.reference = REFERENCES[self.demand]

    @property
    @override
    def adds_dispatchers(self) -> bool:
        return True

    @property
    def plain_rule(self) -> DemandRule:
        """The rule without learning."""
        return DemandRule.atc() if self.demand == "due_dates" else DemandRule.bound()

    @override
    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        found = keep_shorter(self, network, seed, memory, watch, self.generations)
        return found.model_copy(update={"reference": self.reference})

    @override
    def propose(self, network: Network, seed: int, memory: Path, watch: Watch) -> float:
        head, began = dispatch_head(network, self.task), time.perf_counter()
        groups = [self.made(group, seed, _SHOPS) for group in self.groups]
        self.add_plain_rule(head)
        scales = [self.scale_of(one) for one in groups]
        have = [cost / scale for cost, scale in zip(agent_costs(network, self.task, groups), scales, strict=True)]
        rules = self.drawn(head, groups, seed)
        tried, before = read_tried(memory, [len(one) for one in have])
        for part in range(len(tried[0]) // self.members, self.generations):
            costs = rule_costs(rules[part * self.members : (part + 1) * self.members], groups)
            costs = [cost / scale for cost, scale in zip(costs, scales, strict=True)]
            tried = [torch.cat([old, new]) for old, new in zip(tried, costs, strict=True)]
            seconds = before + time.perf_counter() - began
            tensors = {f"costs.{number}": one for number, one in enumerate(tried)}
            write_checkpoint(memory, {"state_dict": {**tensors, "seconds": torch.tensor(seconds, dtype=torch.double)}})
            reached = complementing(tried, have, min(self.dispatchers, len(tried[0])))[1]
            watch(Progress(part + 1, self.generations, {"best": reached - 1.0}))
        for one in complementing(tried, have, self.dispatchers)[0]:
            add_demand_rule(head, rules[one])
        return before + time.perf_counter() - began

    def add_plain_rule(self, head: ChoiceHead) -> None:
        """Let the agent act with the rule without learning, if it does not: so no schedule costs more than that's."""
        rule = self.plain_rule.columns
        known = head.demanding is not None and any(one.equal(rule) for one in head.demanding)
        if not known and not (self.demand == "machines" and has_bound_rule(head)):
            add_demand_rule(head, rule)

    def drawn(self, head: ChoiceHead, groups: Sequence[Shops], seed: int) -> Tensor:
        """The candidates ``[P, C]``: the plain rule, and others around it or around one that was found before."""
        draws = torch.Generator().manual_seed(seed)
        plain = self.plain_rule.columns
        centres = plain[None] if head.demanding is None else torch.cat([plain[None], head.demanding.cpu()])
        count = self.generations * self.members
        chosen = centres[torch.randint(len(centres), (count,), generator=draws)]
        found, apart = torch.empty(count, len(plain)), deviations(self.plain_rule, groups)
        zero = torch.zeros(1)  # of the network's correction, which a rule alone does not have
        for row, centre in enumerate(chosen):
            coordinates = Coordinates.of(torch.cat([centre[:SCORED], zero]), torch.cat([apart, zero]))
            noise = torch.randn(SCORED + 1, generator=draws)
            found[row, :SCORED] = coordinates.weights((coordinates.start + self.spread * noise)[None])[0][0]
        for column, values in enumerate(WAYS[self.demand], start=SCORED):
            found[:, column] = torch.tensor(values)[torch.randint(len(values), (count,), generator=draws)]
        found[0] = plain
        return found

    @override
    def achieved(self, networks: Sequence[Network], seed: int) -> dict[str, Tensor]:
        groups = {f"{one.jobs}x{one.machines}": self.made(one, seed, VALIDATION) for one in self.validation_groups}
        shops = list(groups.values())
        scales = [self.scale_of(one) for one in shops]
        each = [agent_costs(network, self.task, shops) for network in networks]
        plain = [cost[0] for cost in rule_costs(self.plain_rule.columns[None], shops)]
        return {
            name: torch.stack([(costs[place] - plain[place]) / scales[place] for costs in each])
            for place, name in enumerate(groups)
        }

    def scale_of(self, shops: Shops) -> Tensor:
        """What costs of shops are relative to, ``[N]``; 1 where the plain rule costs nothing in all of them."""
        plain = rule_costs(self.plain_rule.columns[None], [shops])[0][0]
        if self.demand == "machines":
            return plain
        mean = plain.mean()
        return torch.ones_like(plain) if mean == 0 else mean.expand(len(plain))

    def made(self, group: Group, seed: int, stream: int) -> Shops:
        """Generated shops of a size."""
        sizes: Any = (group.jobs, group.machines)
        return Shops.pack([demanding_shop(self.demand, seed, stream, number, *sizes) for number in range(group.count)])


def add_demand_rule(head: ChoiceHead, rule: Tensor) -> None:
    """Let the agent act with a further rule ``[C]`` where more is demanded."""
    head.demanding = rule[None] if head.demanding is None else torch.cat([head.demanding, rule[None]])
