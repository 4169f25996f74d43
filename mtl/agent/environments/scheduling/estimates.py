"""Job shops of real durations that are planned by estimates: what is a better estimate worth?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import ClassVar

import numpy as np
import torch
from rich.table import Table
from typing_extensions import override

from mtl.agent.environment import Environment
from mtl.agent.environments.scheduling.exact import CpSat
from mtl.agent.environments.scheduling.learned_planner import load_dispatcher
from mtl.agent.environments.scheduling.rules import BY_DUE_DATE, Rule, select_rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.schedule_files import ExecutedSchedule, schedule_files
from mtl.agent.environments.scheduling.schedule_report import hash_of
from mtl.agent.environments.scheduling.seeds import check_seed
from mtl.agent.labelled_rows import predict_test_rows, rows_with_labels
from mtl.agent.linear_baseline import LinearBaseline
from mtl.agent.report import ExecutionReport, Value, plain_table
from mtl.errors import InputError
from mtl.runs.contributions import Outcome
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.scheduling.execute_plan import execute_plan
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.shops import Shops
from mtl.tasks import labelled

# Seconds of all operations of one shop. A network that is far off may estimate more, which no job shop could hold
LONGEST_ESTIMATE = 10_000_000
BY_DURATION_ALONE = ("spt",)  # rules that look at nothing but the duration of an operation


@dataclass(frozen=True)
class ExecutedPlan:
    """One plan and what became of it, makespans in seconds.

    Attributes:
        instance: what is planned.
        planner: who plans.
        estimate: what the planner knew: ``network``, ``linear`` (a linear model), ``mean`` (every operation takes the
            mean) or ``truth``.
        planned: by the estimates.
        executed: when the true durations came to pass.
        schedule: the executed one, to be written; None: it is not kept.
    """

    instance: str
    planner: str
    estimate: str
    planned: int
    executed: int
    schedule: Schedule | None = None


class EstimatedShops(Environment):
    """Plans job shops by estimated durations and then takes the true ones, every machine keeping the plan's order.

    An operation is a real package check, drawn from the run's test rows; its route is drawn at random. Every planner
    plans with the network's estimates, with those of a linear model of the same inputs (see
    :class:`~mtl.agent.linear_baseline.LinearBaseline`), with the mean duration of the training rows for every operation
    (for one who knows no more about a job), and with the truth (which nobody has). Shortest processing time is not
    asked with the mean, by which all operations are equally short: it would plan by the numbers of the jobs.

    Args:
        instances: how many shops.
        size: jobs and machines of each.
        planners: dispatching rules, see :func:`mtl.agent.environments.scheduling.rules.rules`.
        dispatcher: directory of a run of ``task=scheduling``, whose network is one more planner; None: none.
        cpsat: the exact solver as one more planner, if it has time.
        seed: of the drawing.

    Raises:
        InputError: a size below 1, an unknown planner or one by due dates, no planner, a dispatcher that is none.
    """

    requires: ClassVar[Mapping[str, str]] = {"log_seconds": "regression"}
    acts_on_test_rows = True
    ways = ()  # all arguments say on which shops, and by whom, plans are made

    def __init__(
        self,
        instances: int = 20,
        size: Sequence[int] = (10, 5),
        planners: Sequence[str] = ("bound", "mwkr", "spt"),
        dispatcher: str | None = None,
        cpsat: CpSat | None = None,
        seed: int = 0,
    ) -> None:
        if instances < 1 or len(size) != 2 or min(size) < 1:
            raise InputError(f"instances={instances} and size={list(size)}: expected numbers from 1, size two of them")
        self.instances, self.size = instances, (int(size[0]), int(size[1]))
        self.seed = check_seed("seed", seed)
        self.planners = select_rules(planners, self.seed, "planner")
        for name in BY_DUE_DATE:
            if name in self.planners:
                raise InputError(f"planner {name}: these shops have no due dates")
        if dispatcher is not None:
            self.planners["dispatcher"] = Rule("dispatcher", load_dispatcher(dispatcher), 1.0)
        self.cpsat = cpsat or CpSat()
        if not self.planners and not self.cpsat.seconds:
            raise InputError("planners is empty: name a dispatching rule or a dispatcher, or give cpsat.seconds")

    @override
    def check_rows(self, data: MultiTaskDataModule) -> None:
        rows_with_labels(data, tuple(self.requires))

    @override
    @torch.inference_mode()
    def run(self, predict: Predict, data: MultiTaskDataModule) -> "EstimateReport":
        names = tuple(self.requires)
        predicted, true = predict_test_rows(predict, data, names)
        linear = predict_test_rows(LinearBaseline(data, names).predict, data, names).predicted
        estimated = {"network": predicted, "linear": linear}
        seconds = {name: np.exp(values["log_seconds"].numpy()) for name, values in estimated.items()}
        learned = data.splits["train"].targets["log_seconds"]
        mean = np.exp(learned[labelled(learned)].numpy()).mean()
        actual = np.exp(true["log_seconds"].numpy())
        return self.execute_plans({**seconds, "mean": np.full_like(actual, mean)}, actual)

    def execute_plans(self, estimated: Mapping[str, np.ndarray], true: np.ndarray) -> "EstimateReport":
        """Plan shops that are drawn from N operations with every planner and estimate, and execute the plans.

        Args:
            estimated: seconds of the operations by the network, by other models, and by the ``mean``, ``[N]`` each.
            true: seconds that they take, ``[N]``.

        Returns:
            Every plan, and what came of it.
        """
        draw = np.random.default_rng(self.seed)
        longest = LONGEST_ESTIMATE / (self.size[0] * self.size[1])
        out = []
        for number in range(self.instances):
            rows = draw.integers(len(true), size=self.size)
            machines = draw.permuted(np.tile(np.arange(self.size[1]), (self.size[0], 1)), axis=1)
            truth = JobShop(f"checks{number:02}", whole_seconds(true[rows]), machines)
            known = {
                **{
                    name: replace(truth, durations=whole_seconds(np.minimum(values[rows], longest)))
                    for name, values in estimated.items()
                },
                "truth": truth,
            }
            for estimate, instance in known.items():
                for planner, starts in self.plans(instance, tied=estimate == "mean"):
                    plan = Schedule(instance, starts)
                    executed = Schedule(truth, execute_plan(instance, starts, truth))
                    out.append(ExecutedPlan(truth.name, planner, estimate, plan.makespan, executed.makespan, executed))
        return EstimateReport(out)

    def plans(self, instance: JobShop, tied: bool = False) -> Iterator[tuple[str, np.ndarray]]:
        """A plan of every planner.

        Args:
            instance: what is planned.
            tied: whether all durations are equal, by which some rules cannot tell operations apart: they are left out.

        Yields:
            tuple[str, np.ndarray]: the name of a planner and the start times ``[J, K]``.
        """
        for name, rule in self.planners.items():
            if tied and name in BY_DURATION_ALONE:
                continue
            yield name, Schedule.of(instance, rule.schedule(Shops.pack([instance]))[0]).starts
        if self.cpsat.seconds:
            yield "cpsat", self.cpsat.solve(instance).starts


def whole_seconds(seconds: np.ndarray) -> np.ndarray:
    """Seconds as the whole numbers, from 1, that the durations of a job shop are."""
    found: np.ndarray = np.maximum(1, np.round(seconds)).astype(np.int64)
    return found


class EstimateReport(ExecutionReport):
    """Executed makespans by planner and estimate.

    A record is one instance, planner and estimate. The summary holds the mean makespans in seconds, as
    ``<planner>_<estimate>_executed`` and ``<planner>_<estimate>_planned``. The table also says what not knowing the
    truth costs.

    Args:
        plans: of every instance, planner and estimate.
    """

    def __init__(self, plans: Sequence[ExecutedPlan]) -> None:
        self.plans = tuple(plans)

    def mean(self, planner: str, estimate: str, what: str) -> float:
        """Mean planned or executed makespan over the instances."""
        return fmean(getattr(p, what) for p in self.plans if (p.planner, p.estimate) == (planner, estimate))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Planners with estimates, in order."""
        return list(dict.fromkeys((p.planner, p.estimate) for p in self.plans))

    @override
    def records(self) -> list[dict[str, Value]]:
        return [{name: value for name, value in vars(plan).items() if name != "schedule"} for plan in self.plans]

    @override
    def summary(self) -> dict[str, float]:
        return {
            f"{planner}_{estimate}_{what}": self.mean(planner, estimate, what)
            for planner, estimate in self.pairs
            for what in ("executed", "planned")
        }

    @override
    def outcome(self) -> Outcome:
        """Executed makespan of the network's plans by instance, relative to that of plans made with the truth.

        It is the mean over the planners of ``executed (network) / executed (truth)``, so that a shop of long durations
        counts no more than others. Lower is better, and a gain is relative to the baseline. Outcomes of other shops or
        planners have another hash of the instances; plans that are not kept have none.
        """
        executed = {(plan.instance, plan.planner, plan.estimate): plan.executed for plan in self.plans}
        ratios: dict[str, list[float]] = {}
        for (instance, planner, estimate), makespan in executed.items():
            if estimate == "network":
                ratios.setdefault(instance, []).append(makespan / executed[instance, planner, "truth"])
        values = np.array([fmean(found) for found in ratios.values()])
        shops = {plan.instance: plan.schedule.instance for plan in self.plans if plan.schedule is not None}
        planners = sorted({plan.planner for plan in self.plans})
        instances = hash_of([shops[name] for name in ratios], planners) if {*ratios} <= {*shops} else ""
        name = "makespan relative to true durations"
        return Outcome(name, higher_is_better=False, values=values, scale=None, instances=instances)

    @override
    def texts(self) -> Iterator[tuple[str, str]]:
        kept = [(f"{one.planner}/{one.estimate}", one.schedule) for one in self.plans if one.schedule is not None]
        return schedule_files([ExecutedSchedule(method, schedule) for method, schedule in kept])

    @override
    def table(self) -> Table:
        rows = []
        for planner, estimate in self.pairs:
            planned, executed = (self.mean(planner, estimate, what) for what in ("planned", "executed"))
            excess = executed / self.mean(planner, "truth", "executed") - 1
            rows.append((planner, estimate, f"{planned:.0f}", f"{executed:.0f}", f"{excess:.1%}"))
        columns = ("planner", "estimate", "planned", "executed", "above truth")
        return plain_table("Real durations: mean makespan in seconds", columns, rows, texts=2)
