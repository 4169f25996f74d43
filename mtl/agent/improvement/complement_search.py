"""Learning a further dispatcher from the outcome: one that is good where those that the agent has are poor."""

import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import override

from mtl.agent.improvement.base import Watch
from mtl.agent.improvement.evolution import Evolution
from mtl.agent.improvement.outcome_search import VALIDATION, Coordinates, OutcomeSearch, Search, State
from mtl.agent.improvement.population import dispatch_head, makespans, rule_makespans
from mtl.config.run_result import ImprovementResult
from mtl.network import Network
from mtl.suites.scheduling.features import BOUND_RULE
from mtl.suites.scheduling.shops import Shops


class ComplementSearch(OutcomeSearch):
    """Searches a rule that makes the best of all the agent's schedules shorter.

    The agent schedules a shop with each dispatcher that it has, and keeps the shortest schedule. A further dispatcher
    is worth what it takes off *that*, however poor it is alone: the cost of a member on a shop is the smaller one of
    its makespan and of the shortest so far, relative to the bound rule's. So the search finds what complements the
    others, and repeating it gives a team. The new dispatcher is a rule, a weighted sum of the candidate features
    without the network's correction. The search begins at the rule of the agent's first dispatcher; those that it has
    stay as they are.

    Source of training policies for the best one of a population: N. Grinsztajn, D. Furelos-Blanco, S. Surana,
    C. Bonnet, T. D. Barrett, "Winner Takes It All: Training Performant RL Populations for Combinatorial Optimization",
    NeurIPS 2023, https://arxiv.org/abs/2210.03475.

    Deviations: one policy after the other, in place of all at once from copies; an evolution strategy in place of
    policy gradients; linear rules.

    Arguments and errors are those of :class:`~mtl.agent.improvement.outcome_search.OutcomeSearch`.
    """

    @override
    def search_of(self, network: Network, seed: int) -> "Complement":
        return Complement.of(self, network, seed)

    @override
    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        proposed = deepcopy(network)
        seconds = self.propose(proposed, seed, memory, watch)
        began = time.perf_counter()
        groups = self.achieved([network, proposed], seed).values()
        start, searched = torch.stack([one.mean(1) for one in groups]).mean(0).tolist()
        if searched < start:
            network.load_state_dict(proposed.state_dict())
        return ImprovementResult(
            kept="searched" if searched < start else "start",
            validation={"start": start, "searched": searched, "rule": 0.0},
            generations=self.generations,
            seconds=seconds + time.perf_counter() - began,
        )

    @override
    def propose(self, network: Network, seed: int, memory: Path, watch: Watch) -> float:
        _, state = self.searched(network, seed, memory, watch)
        head = dispatch_head(network, self.task)
        rule = state.coordinates.weights(state.evolution.average[None])[0]
        head.others = rule if head.others is None else torch.cat([head.others, rule])
        return state.seconds

    @override
    def achieved(self, networks: Sequence[Network], seed: int) -> dict[str, Tensor]:
        groups = {f"{group.jobs}x{group.machines}": group.shops(seed, VALIDATION, 0) for group in self.validation}
        found = team_ratios(networks, self.task, list(groups.values()))
        return dict(zip(groups, found, strict=True))


class Complement(Search):
    """One search for a further dispatcher."""

    @override
    def begin(self) -> State:
        start = torch.cat([dispatch_head(self.network, self.settings.task).rule, torch.zeros(1)])
        deviations = Search.of(self.settings, self.network, self.seed).deviations()  # it changes its copy's gain
        # A rule alone: what the correction differs by counts for nothing, so that the gain is not searched
        coordinates = Coordinates.of(start, torch.cat([deviations[:-1], torch.zeros(1)]))
        return State(start, coordinates, Evolution.start(coordinates.start))

    @override
    def ratios(self, rules: Tensor, gains: Tensor, groups: Sequence[Shops]) -> list[Tensor]:
        threads = torch.get_num_threads()
        have = team_ratios([self.network], self.settings.task, groups)
        built = rule_makespans(torch.cat([rules, torch.tensor(BOUND_RULE)[None]]), groups, threads)
        return [torch.minimum(one[:-1] / one[-1] - 1.0, team) for one, team in zip(built, have, strict=True)]


def team_ratios(networks: Sequence[Network], task: str, groups: Sequence[Shops]) -> list[Tensor]:
    """How much longer the shortest schedules of agents are than the bound rule's.

    Args:
        networks: P of them, on the CPU, that differ in the head of the task alone.
        task: whose head chooses.
        groups: shops without constraints and alternatives, of about one size each, N in a group.

    Returns:
        Differences relative to the rule, ``[P, N]`` for each group.
    """
    threads = torch.get_num_threads()
    heads = [dispatch_head(network, task) for network in networks]
    # Networks that differ in their further dispatchers alone share the first one, which takes longest
    firsts = [(*head.rule.tolist(), float(head.gain)) for head in heads]
    unlike = list(dict.fromkeys(firsts))
    which, weights = [unlike.index(one) for one in firsts], torch.tensor(unlike)
    first = makespans(networks[0], task, weights[:, :-1], weights[:, -1], groups, threads)
    bound = rule_makespans(torch.tensor(BOUND_RULE)[None], groups, threads)
    found = [one[which] for one in first]
    for row, head in enumerate(heads):
        if head.others is not None:
            for one, others in zip(found, rule_makespans(head.others, groups, threads), strict=True):
                one[row] = torch.minimum(one[row], others.amin(0))
    return [one / rule - 1.0 for one, rule in zip(found, bound, strict=True)]
