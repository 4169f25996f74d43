"""Job shops of real durations that are planned by estimates: what is a better estimate worth?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import torch
from rich import box
from rich.table import Table

from mtl.agent.environment import Environment, ExecutionReport, Value
from mtl.agent.environments.scheduling.exact import CpSat
from mtl.agent.environments.scheduling.rules import chosen
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.errors import InputError
from mtl.suites.base import Predict
from mtl.suites.jobs import durations, jobs
from mtl.suites.scheduling.execute_plan import execute_plan
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.shops import Shops

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Carried:
    """One plan and what became of it, makespans in seconds.

    Attributes:
        instance, planner: of what, by whom.
        estimate: what the planner knew: ``network``, ``mean`` (every operation takes the mean) or ``truth``.
        planned: by the estimates.
        executed: when the true durations came to pass.
    """

    instance: str
    planner: str
    estimate: str
    planned: int
    executed: int


class EstimatedShops(Environment):
    """Plans job shops by estimated durations, and executes the plans with the true ones.

    An operation is a real package check, drawn from the test rows of ``task=jobs``; its route is drawn at random. Every
    planner plans with the network's estimates, with the mean duration for every operation (which is what one knows
    without a network), and with the truth (which nobody has).

    Args:
        instances, size: how many shops, of how many jobs and machines.
        planners: dispatching rules, see :func:`mtl.agent.environments.scheduling.rules.rules`.
        cpsat: the exact solver as one more planner, if it has time.
        seed: of the drawing.
        split_seed: ``task.seed`` of the run, which says which rows are test rows.

    Raises:
        InputError: a size below 1, an unknown planner.
    """

    requires = ("log_seconds",)

    def __init__(
        self,
        instances: int = 20,
        size: Sequence[int] = (10, 5),
        planners: Sequence[str] = ("spt", "mwkr"),
        cpsat: CpSat | None = None,
        seed: int = 0,
        split_seed: int = 0,
    ) -> None:
        if instances < 1 or len(size) != 2 or min(size) < 1:
            raise InputError(f"instances={instances} and size={list(size)}: expected numbers from 1, size two of them")
        self.instances, self.size = instances, (int(size[0]), int(size[1]))
        self.planners, self.rules = tuple(planners), chosen(tuple(planners), seed)
        self.cpsat = cpsat or CpSat()
        if not self.planners and not self.cpsat.seconds:
            raise InputError("planners is empty: name a dispatching rule, or give cpsat.seconds")
        self.seed, self.split_seed = seed, split_seed

    @torch.inference_mode()
    def run(self, predict: Predict) -> "EstimateReport":
        """Plan every shop with every planner and estimate, and carry the plans out."""
        suite = jobs(seed=self.split_seed)
        suite.setup("test")
        estimated, true = durations(suite, predict)
        return self.carried(estimated, true)

    def carried(self, estimated: np.ndarray, true: np.ndarray) -> "EstimateReport":
        """The same for given seconds of N operations, ``[N]`` each."""
        draw = np.random.default_rng(self.seed)
        out = []
        for number in range(self.instances):
            rows = draw.integers(len(true), size=self.size)
            machines = draw.permuted(np.tile(np.arange(self.size[1]), (self.size[0], 1)), axis=1)
            truth = JobShop(f"checks{number:02}", whole(true[rows]), machines)
            known = {
                "network": replace(truth, durations=whole(estimated[rows])),
                "mean": replace(truth, durations=whole(np.full(self.size, true.mean()))),
                "truth": truth,
            }
            for estimate, instance in known.items():
                for planner, starts in self.plans(instance):
                    plan = Schedule(instance, starts)
                    executed = Schedule(truth, execute_plan(instance, starts, truth))
                    out.append(Carried(truth.name, planner, estimate, plan.makespan, executed.makespan))
        return EstimateReport(out)

    def plans(self, instance: JobShop) -> Iterator[tuple[str, np.ndarray]]:
        """A plan of every planner: its name and the start times ``[J, M]``."""
        for name, rule in zip(self.planners, self.rules, strict=True):
            yield name, Schedule.of(instance, rule.schedule(Shops.pack([instance]))[0]).starts
        if self.cpsat.seconds:
            yield "cpsat", self.cpsat.solve(instance).starts


def whole(seconds: np.ndarray) -> np.ndarray:
    """Seconds as the whole numbers, from 1, that a job shop has."""
    found: np.ndarray = np.maximum(1, np.round(seconds)).astype(np.int64)
    return found


class EstimateReport(ExecutionReport):
    """Executed makespans by planner and estimate."""

    def __init__(self, plans: Sequence[Carried]) -> None:
        self.plans = tuple(plans)

    def mean(self, planner: str, estimate: str, what: str) -> float:
        """Mean planned or executed makespan over the instances."""
        return fmean(getattr(p, what) for p in self.plans if (p.planner, p.estimate) == (planner, estimate))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Planners with estimates, in order."""
        return list(dict.fromkeys((p.planner, p.estimate) for p in self.plans))

    def records(self) -> list[dict[str, Value]]:
        """One row per instance, planner and estimate."""
        return [dict(vars(plan)) for plan in self.plans]

    def summary(self) -> dict[str, float]:
        """``<planner>_<estimate>_executed`` and ``..._planned``: mean makespans in seconds."""
        return {
            f"{planner}_{estimate}_{what}": self.mean(planner, estimate, what)
            for planner, estimate in self.pairs
            for what in ("executed", "planned")
        }

    def table(self) -> Table:
        """Planners x estimates, with what not knowing the truth costs."""
        table = Table(title="Real durations: mean makespan in seconds", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("planner", "estimate", "planned", "executed", "above truth"):
            table.add_column(name, justify="left" if name in ("planner", "estimate") else "right")
        for planner, estimate in self.pairs:
            planned, executed = (self.mean(planner, estimate, what) for what in ("planned", "executed"))
            excess = executed / self.mean(planner, "truth", "executed") - 1
            table.add_row(planner, estimate, f"{planned:.0f}", f"{executed:.0f}", f"{excess:.1%}")
        return table

    def figures(self) -> Iterator[tuple[str, "Figure"]]:
        """None."""
        return iter(())
