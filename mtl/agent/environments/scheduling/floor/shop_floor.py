"""A shop floor as an environment: things happen, and agent, rules and a solver plan anew under the same seconds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from rich.console import Console
from rich.progress import Progress
from typing_extensions import override

from mtl.agent.environment import Environment
from mtl.agent.environments.scheduling.dispatchers import CHOICES, Dispatchers
from mtl.agent.environments.scheduling.floor.disturbances import Disturbances
from mtl.agent.environments.scheduling.floor.floor_report import FloorReport, PlayedEpisode
from mtl.agent.environments.scheduling.floor.planners import (
    agent_planner,
    keeping_planner,
    rule_planner,
    solver_planner,
)
from mtl.agent.environments.scheduling.floor.play import Planner, play
from mtl.agent.environments.scheduling.rules import check_due_dates, select_rules
from mtl.agent.environments.scheduling.schedule_report import AGENT
from mtl.agent.environments.scheduling.seeds import check_seed
from mtl.errors import InputError, unknown
from mtl.network import Network
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.scheduling.constraints import OBJECTIVES, Objective
from mtl.suites.scheduling.demand_rules import is_demanding
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.rollout import network_policy
from mtl.suites.scheduling.suite import SchedulingSuite

FIRST = "first dispatcher"  # as a planner beside the agent


class ShopFloor(Environment):
    """Plays shops in which machines break down, operations take longer than planned, and jobs arrive.

    After everything that happens all planners plan what has not begun yet: the agent and CP-SAT for ``seconds`` each,
    the rules at once. The agent may plan with each of its dispatchers, and takes the plan that costs least by what is
    known then. One more keeps to the agent's first plan, whose operations are only put off. All planners meet the same
    disturbances, drawn from the seed. Nobody knows of one before it happens, or of a late operation before it should
    have ended. A machine that fails goes on with its operation after the repair, whose end is known.

    Args:
        instances: see :func:`mtl.suites.scheduling.published.select`; they take turns.
        episodes: shops that are played.
        disturbances: what happens.
        seconds: for each plan of the agent and of CP-SAT; 0: the agent's is greedy, and CP-SAT is left out. Results
            depend on the machine unless it is 0.
        workers: parallel searches of CP-SAT.
        temperature: of the agent's samples, see :class:`~mtl.agent.environments.scheduling.decoders.Sample`.
        baselines: dispatching rules, see :func:`mtl.agent.environments.scheduling.rules.rules`.
        objective: ``makespan`` or ``weighted_tardiness``.
        tightness: a job without a due date in a shop without any is due at its release plus so many times its work;
            used where weighted tardiness is the objective.
        gantt: whether to draw what became of the agent's first episode.
        seed: of what happens, of the samples and of the solver.
        dispatchers: which of the agent's plan: ``all``; ``first``, the one that asks the network; or ``both``, all, and
            as one more planner the first one alone. None: all where weighted tardiness is the objective or there are
            alternative machines, else the first, as for makespans more have not been found to be better.

    Raises:
        InputError: an argument out of range, an unknown instance, rule, objective or choice of dispatchers.
    """

    requires: ClassVar[Mapping[str, str]] = {"assignment": "choice"}
    suite = SchedulingSuite
    ways = ("seconds", "workers", "temperature", "baselines", "gantt", "dispatchers")

    def __init__(
        self,
        instances: str | Sequence[str],
        episodes: int = 10,
        disturbances: Disturbances | None = None,
        seconds: float = 1.0,
        workers: int = 1,
        temperature: float = 0.3,
        baselines: Sequence[str] = ("bound", "fdd"),
        objective: Objective = "makespan",
        tightness: float = 1.5,
        gantt: bool = True,
        seed: int = 0,
        dispatchers: str | None = None,
    ) -> None:
        if type(episodes) is not int or episodes < 2:
            raise InputError(f"episodes={episodes}: expected at least 2, as one does not tell how much they differ")
        if not 0 <= seconds < float("inf"):
            raise InputError(f"seconds={seconds}: expected a number of seconds, or 0")
        if workers < 1 or not 0 < temperature < float("inf") or not 0 < tightness < float("inf"):
            raise InputError(
                f"workers={workers}, temperature={temperature}, tightness={tightness}: expected a number of workers "
                "from 1, the others above 0"
            )
        if objective not in OBJECTIVES:
            raise unknown("objective", str(objective), OBJECTIVES)
        if dispatchers not in (None, *CHOICES):
            raise unknown("choice in dispatchers", str(dispatchers), CHOICES)
        self.dispatchers, self.found = dispatchers, Dispatchers()
        self.objective, self.seconds, self.workers, self.temperature = objective, seconds, workers, temperature
        self.seed, self.gantt = check_seed("seed", seed), bool(gantt)
        self.baselines = select_rules(baselines, self.seed)
        shops = [with_due_dates(instance, objective, tightness) for instance in select(instances)]
        check_due_dates(self.baselines, shops)
        disturbances = disturbances or Disturbances()
        self.episodes = [disturbances.draw(shops[n % len(shops)], self.seed, n) for n in range(episodes)]

    @override
    def meet(self, network: Network | None) -> None:
        self.found = Dispatchers.of(network)

    @override
    @torch.inference_mode()
    def run(self, predict: Predict, data: MultiTaskDataModule) -> FloorReport:
        policy = network_policy(lambda inputs: predict(inputs)["assignment"])
        shops = [episode.instance for episode in self.episodes]
        chosen = self.dispatchers or ("all" if is_demanding(shops) else "first")
        others = () if chosen == "first" else self.found.for_shops(shops)

        def first() -> Planner:
            return agent_planner(policy, self.seconds, self.temperature, self.seed)

        def agent() -> Planner:
            return agent_planner(policy, self.seconds, self.temperature, self.seed, others, self.found.scale)

        makers: dict[str, Callable[[], Planner]] = {AGENT: agent}
        if chosen == "both" and others:
            makers[FIRST] = first
        for name, rule in self.baselines.items():
            makers[name] = lambda rule=rule: rule_planner(rule)  # type: ignore[misc]
        if self.seconds:
            makers["cpsat"] = lambda: solver_planner(self.seconds, self.workers, self.seed)
        makers["kept plan"] = lambda: keeping_planner(agent())
        outcomes = []
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            for episode in progress.track(self.episodes, description="Episodes"):
                outcomes += [PlayedEpisode(name, episode, play(episode, make())) for name, make in makers.items()]
        searched = len(self.found.demanding) if others and is_demanding(shops) else 0
        return FloorReport(outcomes, self.seconds, self.gantt, 1 + len(others), searched)


def with_due_dates(instance: JobShop, objective: Objective, tightness: float) -> JobShop:
    """A shop as it is planned for on a floor: without known bounds, and with due dates where they count.

    Args:
        instance: the shop.
        objective: of its schedules.
        tightness: where no job has a due date, each is due at its release plus so many times its work, on the fastest
            machines for it.

    Returns:
        The shop.
    """
    given = instance.constraints
    changed: dict[str, Any] = {"upper_bound": None, "lower_bound": None, "objective": objective}
    if objective == "weighted_tardiness" and not given.dated:
        work = instance.shortest.sum(1).tolist()
        due = tuple(given.release(job) + round(tightness * work[job]) for job in range(instance.jobs))
        changed["constraints"] = replace(given, due=due, weights=given.weights or (1,) * instance.jobs)
    return replace(instance, **changed)
