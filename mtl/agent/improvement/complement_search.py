"""Learning further dispatchers from the outcome: each is good where those that the agent has are poor."""

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from mtl.agent.improvement.base import Improvement, Progress, Proposer, Watch, beside
from mtl.agent.improvement.evolution import Evolution
from mtl.agent.improvement.outcome_search import Coordinates, OutcomeSearch, Search, State
from mtl.agent.improvement.population import dispatch_head, rule_makespans, team_ratios
from mtl.config.run_result import ImprovementResult
from mtl.errors import InputError
from mtl.network import Network
from mtl.nn.heads import ChoiceHead
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.scheduling.features import BOUND_RULE
from mtl.suites.scheduling.shops import Shops

_SEEDS = 14  # stream of the seeds of the searches


@dataclass(eq=False)
class ComplementSearch(OutcomeSearch):
    """Searches rules, one after the other, that make the best of all the agent's schedules shorter.

    The agent schedules a shop with each dispatcher that it has, and keeps the shortest schedule. A further dispatcher
    is worth what it takes off *that*, however poor it is alone: the cost of a member on a shop is the smaller one of
    its makespan and of the shortest so far, relative to the bound rule's. So the search finds what complements the
    others, and repeating it gives a team. The new dispatcher is a rule, a weighted sum of the candidate features
    without the network's correction. The search begins at the rule of the agent's first dispatcher; those that it has
    stay as they are.

    The bound rule itself may be one of the dispatchers: then no schedule of the agent is longer than the rule's.

    Source of training policies for the best one of a population: N. Grinsztajn, D. Furelos-Blanco, S. Surana,
    C. Bonnet, T. D. Barrett, "Winner Takes It All: Training Performant RL Populations for Combinatorial Optimization",
    NeurIPS 2023, https://arxiv.org/abs/2210.03475.

    Deviations: one policy after the other, in place of all at once from copies; an evolution strategy in place of
    policy gradients; linear rules.

    Attributes:
        dispatchers: that are searched, each in so many generations.
        bound_rule: whether the bound rule becomes a dispatcher before the search, if it is none.
        first: an improvement that comes before; None: none.
    """

    dispatchers: int = 1
    bound_rule: bool = field(default=False, kw_only=True)
    first: Improvement | None = field(default=None, kw_only=True)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dispatchers < 1:
            raise InputError(f"improve.dispatchers={self.dispatchers}: expected at least 1")

    @property
    @override
    def adds_dispatchers(self) -> bool:
        return True

    @override
    def check(self, data: MultiTaskDataModule, network: Network) -> None:
        super().check(data, network)
        if self.first is not None:
            self.first.check(data, network)

    @override
    def search_of(self, network: Network, seed: int) -> "Complement":
        return Complement.of(self, network, seed)

    @override
    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        own, before = self.dispatchers * self.generations, None
        if self.first is not None:

            def watch_first(progress: Progress) -> None:
                watch(replace(progress, total=progress.total + own, stage="first dispatcher"))

            before = self.first.improve(network, seed, beside(memory, "first"), watch_first)
        behind = 0 if before is None else before.generations

        def watch_own(progress: Progress) -> None:
            watch(replace(progress, done=behind + progress.done, total=behind + own))

        found = keep_shorter(self, network, seed, memory, watch_own, own)
        head = dispatch_head(network, self.task)
        if self.bound_rule and not has_bound_rule(head):  # whatever these shops say, no schedule is to be longer
            add_dispatcher(head, torch.tensor(BOUND_RULE))
        if before is None:
            return found
        further = 0 if head.others is None else len(head.others)
        team = {"team": min(found.validation["start"], found.validation["searched"])} if further else {}
        return before.model_copy(
            update={
                "validation": {**before.validation, **team},
                "generations": behind + own,
                "seconds": before.seconds + found.seconds,
                "further": further,
            }
        )

    @override
    def propose(self, network: Network, seed: int, memory: Path, watch: Watch) -> float:
        head, total, seconds = dispatch_head(network, self.task), self.dispatchers * self.generations, 0.0
        if self.bound_rule and not has_bound_rule(head):
            add_dispatcher(head, torch.tensor(BOUND_RULE))
        for number in range(self.dispatchers):

            def watch_one(progress: Progress, number: int = number) -> None:
                stage = f"further dispatcher {number + 1} of {self.dispatchers}" if self.dispatchers > 1 else ""
                done = number * self.generations + progress.done
                watch(replace(progress, done=done, total=total, stage=stage))

            drawn = int(np.random.SeedSequence([seed, _SEEDS, number]).generate_state(1)[0])
            own = beside(memory, f"dispatcher-{number + 1}") if self.dispatchers > 1 else memory
            _, state = self.searched(network, drawn, own, watch_one)
            add_dispatcher(head, state.coordinates.weights(state.evolution.average[None])[0][0])
            seconds += state.seconds
        return seconds


def keep_shorter(
    search: Proposer, network: Network, seed: int, memory: Path, watch: Watch, generations: int
) -> ImprovementResult:
    """Change a network to what a search proposes where that makes the schedules of the validation shops shorter.

    Args:
        search: proposes, and has the validation shops.
        network: to be changed.
        seed: of the search and the shops.
        memory: as for :meth:`~mtl.agent.improvement.base.Improvement.improve`.
        watch: likewise.
        generations: of the search in all.

    Returns:
        What came of it; what is achieved is the mean over the shops of a size, and then over sizes.
    """
    proposed = deepcopy(network)
    seconds = search.propose(proposed, seed, memory, watch)
    began = time.perf_counter()
    groups = search.achieved([network, proposed], seed).values()
    start, searched = torch.stack([one.mean(1) for one in groups]).mean(0).tolist()
    if searched < start:
        network.load_state_dict(proposed.state_dict())
    return ImprovementResult(
        kept="searched" if searched < start else "start",
        validation={"start": start, "searched": searched, "rule": 0.0},
        generations=generations,
        seconds=seconds + time.perf_counter() - began,
    )


def has_bound_rule(head: ChoiceHead) -> bool:
    """Whether one of the dispatchers is the bound rule alone."""
    rule = torch.tensor(BOUND_RULE)
    return bool(head.rule.equal(rule) and head.gain == 0) or (
        head.others is not None and any(one.equal(rule) for one in head.others)
    )


def add_dispatcher(head: ChoiceHead, rule: Tensor) -> None:
    """Let the agent act with a further rule ``[F]`` beside the dispatchers that it has."""
    head.others = rule[None] if head.others is None else torch.cat([head.others, rule[None]])


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
