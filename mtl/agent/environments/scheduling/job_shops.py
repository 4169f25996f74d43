"""Job shops as an environment: the agent schedules them, and so do the baselines."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from typing_extensions import override

from mtl.agent.environment import Environment
from mtl.agent.environments.scheduling.decoders import Decoder
from mtl.agent.environments.scheduling.demands import with_demands
from mtl.agent.environments.scheduling.dispatchers import Dispatchers
from mtl.agent.environments.scheduling.exact import CpSat
from mtl.agent.environments.scheduling.rules import BY_DUE_DATE, check_due_dates, select_rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.schedule_report import AGENT, BuiltSchedule, Known, ScheduleReport
from mtl.agent.environments.scheduling.seeds import check_seed
from mtl.agent.environments.scheduling.tardiness_report import TardinessReport
from mtl.errors import InputError, unknown
from mtl.network import Network
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.scheduling.constraints import Objective
from mtl.suites.scheduling.demand_rules import is_demanding
from mtl.suites.scheduling.features import features
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.plans import Plans
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.rollout import network_policy
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import Solution
from mtl.suites.scheduling.suite import SchedulingSuite

_GANTT = {"all": "all", "first": "first", "none": "none", "true": "all", "false": "none"}


class JobShops(Environment):
    """Builds a schedule of every instance with the agent, with dispatching rules and with an exact solver.

    Every schedule is checked against the instance before it is reported, and again as it is written.

    Args:
        instances: see :func:`mtl.suites.scheduling.published.select`.
        decoder: from the network's scores to schedules.
        baselines: dispatching rules, see :func:`mtl.agent.environments.scheduling.rules.rules`.
        bounds: by name of an instance, what is known of it: ``upper``, the best known makespan, and ``lower``, a proven
            lower bound. Gaps are then relative to these.
        cpsat: the exact solver and its time. What it proves of an instance without a known makespan counts as known.
        gantt: schedules of the agent to draw: ``all`` (or True), ``first``, ``none`` (or False).
        seed: of the rule ``random``.
        objective: what schedules are to minimise: ``makespan`` or ``weighted_tardiness``. Of the latter the agent has
            learned nothing; the rules that look at due dates are then always among the baselines.
        downtime: by name of an instance, the CSV file of its downtimes.
        now: by name of an instance, the moment of planning.

    Raises:
        InputError: an unknown instance or baseline, a malformed file, bounds that cannot be, an objective without the
            dates and weights that it takes.
    """

    requires: ClassVar[Mapping[str, str]] = {"assignment": "choice"}
    suite = SchedulingSuite
    ways = ("decoder", "baselines", "gantt", "seed")

    def __init__(
        self,
        instances: str | Sequence[str],
        decoder: Decoder,
        baselines: Sequence[str] = (),
        bounds: Mapping[str, Mapping[str, int]] | None = None,
        cpsat: CpSat | None = None,
        gantt: str | bool = "first",
        seed: int = 0,
        objective: Objective = "makespan",
        downtime: Mapping[str, str] | None = None,
        now: Mapping[str, int] | None = None,
    ) -> None:
        self.instances = select(instances)
        names = [instance.name for instance in self.instances]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"instances: two are named '{name}'; rename the file of one")
        self.instances = with_demands(self.instances, objective, downtime or {}, now or {})
        self.instances, self.bounds = with_bounds(self.instances, bounds or {}), bounds or {}
        self.objective = objective
        if objective != "makespan" and bounds:
            raise InputError(f"bounds are makespans, and objective={objective}: leave one of them out")
        self.alone = self.demanding = decoder  # of an agent with one dispatcher
        self.searched = 0
        self.decoder, self.parts = decoder, decoder.parts()
        for instance in self.instances:
            decoder.check(instance)
        by_due_date = BY_DUE_DATE if objective == "weighted_tardiness" else ()
        self.baselines = select_rules([*by_due_date, *baselines], check_seed("seed", seed))
        check_due_dates(self.baselines, self.instances)
        self.cpsat = cpsat or CpSat()
        self.gantt = _GANTT.get(str(gantt).lower(), "")
        if not self.gantt:
            raise InputError(f"gantt={gantt}: expected all, first or none")

    @override
    def meet(self, network: Network | None) -> None:
        found = Dispatchers.of(network)
        rules, demanding, scale = found.plain, found.demanding, found.scale
        self.searched = len(demanding)
        # Another agent may have acted here before
        self.decoder = self.alone.beside(rules, scale) if rules else self.alone
        self.demanding = self.alone.beside([*rules, *demanding], scale) if demanding else self.decoder
        self.parts = self.decoder.parts()
        for decoder in {self.decoder_of([instance]) for instance in self.instances}:
            decoder.check_dispatchers()

    def decoder_of(self, group: Sequence[JobShop]) -> Decoder:
        """The decoder of shops that are scheduled side by side, with all dispatchers that the agent has for such."""
        return self.demanding if is_demanding(group) else self.decoder

    @override
    @torch.inference_mode()
    def run(self, predict: Predict, data: MultiTaskDataModule) -> ScheduleReport | TardinessReport:
        policy = network_policy(lambda inputs: predict(inputs)["assignment"])
        outcomes: list[BuiltSchedule] = []
        self.proofs: dict[str, int] = {}  # what CP-SAT proves that every schedule costs, by instance
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            first = "CP-SAT" if self.cpsat.seconds else "Instances"
            instances = list(progress.track(self._solved(outcomes), total=len(self.instances), description=first))
            groups = list(same_size(instances))
            bar = progress.add_task("Agent and rules", total=len(groups))
            for group in groups:
                shops = Shops.pack(group)
                expected = expected_utilisation(predict, data, group)
                decoder = self.decoder_of(group)
                more = self.searched if is_demanding(group) else 0
                built = timed(partial(decoder.build, policy, shops), group)
                for (schedule, seconds), value in zip(built, expected, strict=True):
                    known = trained_on(data, schedule.instance)
                    outcomes.append(
                        BuiltSchedule(AGENT, decoder.label, schedule, seconds, value, calibrated=known, searched=more)
                    )
                for name, part in self.parts.items():
                    built = timed(partial(part.build, policy, shops), group)
                    outcomes += [BuiltSchedule(name, part.label, schedule, seconds) for schedule, seconds in built]
                for name, rule in self.baselines.items():
                    built = timed(partial(rule.build, shops), group)
                    outcomes += [BuiltSchedule(name, rule.label, schedule, seconds) for schedule, seconds in built]
                progress.advance(bar)
        methods = [AGENT, *self.parts, *self.baselines, "cpsat"]
        names = [instance.name for instance in instances]
        outcomes.sort(key=lambda o: (names.index(o.schedule.instance.name), methods.index(o.method)))
        if self.objective == "weighted_tardiness":
            return TardinessReport(outcomes, self.proofs, self.gantt)
        return ScheduleReport(outcomes, self.gantt, Known.of(self.instances, self.bounds))

    @override
    @torch.inference_mode()
    def test_outcome(self, predict: Predict, data: MultiTaskDataModule) -> NDArray[np.float64] | None:
        """Gaps of the agent's schedules of the instances whose states are the test rows."""
        assert isinstance(data, SchedulingSuite)
        policy = network_policy(lambda inputs: predict(inputs)["assignment"])
        instances = data.instances["test"]
        gaps: dict[int, float] = {}  # by shop, as two files may hold shops of one name
        for group in same_size(instances):
            built = timed(partial(self.decoder.build, policy, Shops.pack(group)), group)
            gaps |= {id(instance): schedule.gap for instance, (schedule, _) in zip(group, built, strict=True)}
        return np.array([gaps[id(instance)] for instance in instances])

    def _solved(self, outcomes: list[BuiltSchedule]) -> Iterator[JobShop]:
        """The instances, where no makespan is known with what CP-SAT proves of them. Adds its outcomes."""
        for instance in self.instances:
            known = instance
            if self.cpsat.seconds:
                started = time.perf_counter()
                solution = self.cpsat.solve(instance)
                seconds = time.perf_counter() - started
                self.proofs[instance.name] = solution.bound
                if instance.upper_bound is None and instance.objective == "makespan":
                    known = with_proof(instance, solution)
                outcomes.append(
                    BuiltSchedule(
                        "cpsat", self.cpsat.label, Schedule(on_machines(known, solution), solution.starts), seconds
                    )
                )
            yield known


def same_size(instances: Sequence[JobShop]) -> Iterator[list[JobShop]]:
    """The instances in groups of one size: they are scheduled side by side, without padding."""
    groups: dict[tuple[int, ...], list[JobShop]] = {}
    for instance in instances:
        groups.setdefault((*instance.durations.shape, instance.machine_count), []).append(instance)
    yield from groups.values()


def on_machines(instance: JobShop, solution: Solution) -> JobShop:
    """The instance with the machines that a solution chose."""
    return instance if solution.machines is None else instance.on(solution.machines)


def timed(build: Callable[[], Plans], group: Sequence[JobShop]) -> list[tuple[Schedule, float]]:
    """The schedules of a group and each one's share of the time."""
    started = time.perf_counter()
    plans = build()
    seconds = (time.perf_counter() - started) / len(group)
    rows = zip(group, plans.starts, plans.machines, strict=True)
    return [(Schedule.of(instance, starts, machines), seconds) for instance, starts, machines in rows]


def with_bounds(instances: Sequence[JobShop], bounds: Mapping[str, Mapping[str, int]]) -> list[JobShop]:
    """The instances with the bounds that a person gives of some.

    Args:
        instances: to be scheduled.
        bounds: by name of an instance, ``upper`` and ``lower``.

    Returns:
        The instances, in their order.

    Raises:
        InputError: no such instance or bound, or a bound that the instance contradicts.
    """
    for name, given in bounds.items():
        if name not in (known := [instance.name for instance in instances]):
            raise unknown("instance in bounds", name, known)
        if not isinstance(given, Mapping):
            raise InputError(f"bounds.{name}={given}: expected upper, lower or both, such as {{upper: 100, lower: 90}}")
        for key, value in given.items():
            if key not in ("upper", "lower"):
                raise unknown(f"bound of {name}", str(key), ("upper", "lower"))
            if type(value) is not int:
                raise InputError(f"bounds.{name}.{key}={value}: expected a whole number")
    return [
        replace(
            instance,
            upper_bound=bounds.get(instance.name, {}).get("upper", instance.upper_bound),
            lower_bound=bounds.get(instance.name, {}).get("lower", instance.lower_bound),
        )
        for instance in instances
    ]


def with_proof(instance: JobShop, solution: Solution) -> JobShop:
    """The instance with what a solver proved of it: the optimum, or else a lower bound if it is the largest known."""
    if solution.optimal:
        return replace(instance, upper_bound=solution.makespan, lower_bound=solution.bound)
    if solution.bound <= max(instance.lower_bound or 0, instance.machine_bound):
        return instance
    return replace(instance, lower_bound=solution.bound, lower_bound_source="CP-SAT")


def trained_on(data: MultiTaskDataModule, instance: JobShop) -> bool:
    """Whether the suite's training instances are of the size of this one, so that what is expected is calibrated."""
    return not isinstance(data, SchedulingSuite) or data.covers(instance)


def expected_utilisation(
    predict: Predict, data: MultiTaskDataModule, instances: Sequence[JobShop]
) -> list[float | None]:
    """Ask the network how busy the machines will be, before the first real choice.

    What it says is cut to what is possible: the machines cannot be busier than in a schedule as short as the largest
    lower bound.

    Args:
        predict: inputs to raw predictions by task.
        data: the suite, with the tasks that the network has learned.
        instances: N job shops.

    Returns:
        A value for each; None if the network does not learn that or there is no choice.
    """
    task = next((task for task in data.tasks if task.name == "utilisation"), None)
    if task is None:
        return [None] * len(instances)
    simulator = Simulator(Shops.pack(instances))
    simulator.advance()
    values = task.decode(predict(features(simulator))[task.name]).clamp(min=0.0).float()
    done = simulator.done.tolist()
    return [
        None if over else min(value, largest_utilisation(instance))
        for over, value, instance in zip(done, values.tolist(), instances, strict=True)
    ]


def largest_utilisation(instance: JobShop) -> float:
    """The utilisation of a schedule that is as short as the largest lower bound known."""
    bound = max(instance.machine_bound, instance.lower_bound or 0)
    # Machines that take longer than others for an operation may be the ones that are chosen for now
    return min(1.0, float(instance.durations.sum()) / (instance.machine_count * bound))
