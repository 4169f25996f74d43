"""What came of scheduling: every method on every instance, beside the best schedule known."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from rich.markup import escape
from rich.table import Table
from typing_extensions import override

from mtl.agent.environments.scheduling.chart_page import chart_page
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.schedule_files import ExecutedSchedule, names_in_files, schedule_files
from mtl.agent.environments.scheduling.shop_table import shop_table
from mtl.agent.report import ExecutionReport, Value
from mtl.runs.contributions import Outcome
from mtl.suites.scheduling.instance import JobShop

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AGENT = "agent"
# Mark in the table, what it means, what the references are called together, and the head of their column
_NOTES: dict[str, tuple[str, str, str, str]] = {
    "optimum": ("", "", "the optimum", "opti-\nmum"),
    "best known": (
        "*",
        "* best known, not proven optimal: the gap to the optimum may be larger",
        "the best known makespan",
        "best",
    ),
    "lower bound": (
        "†",
        "† only a lower bound is known: the gap to the optimum may be smaller",
        "a lower bound",
        "lower\nbound",
    ),
}
_BUSY, _FORECAST, _SECONDS = "busy", "fore-\ncast", "sec."  # columns that there may be no room for
_MIXED = ("the reference of each", "refe-\nrence")
# What the network was trained for
_MOST_METHODS = 9  # beside which there is room for how busy machines are, in 80 characters
_TRAINED = "the agent was trained on plain shops, for short makespans"
_NOT_CALIBRATED = ("~", "~ a size of shop that the network was not trained on: what it expects is not calibrated")


@dataclass(frozen=True)
class BuiltSchedule:
    """One method on one instance.

    Attributes:
        method: a short name for files (``agent``, ``spt``, ``cpsat``, ...).
        label: what a person reads.
        schedule: what it built.
        seconds: wall clock per instance; instances that are built side by side share theirs.
        predicted: utilisation that the network expected before the first decision, if it was asked.
        calibrated: whether the network was trained on shops of this size, so that what it expects can be relied on.
        searched: dispatchers of the agent that took part and were searched for shops of which more is demanded.
    """

    method: str
    label: str
    schedule: Schedule
    seconds: float
    predicted: float | None = None
    calibrated: bool = True
    searched: int = 0

    def record(self) -> dict[str, Value]:
        """One row of the report."""
        instance = self.schedule.instance
        return {
            "instance": instance.name,
            "jobs": instance.jobs,
            "machines": instance.machine_count,
            "method": self.method,
            "makespan": self.schedule.makespan,
            "reference": self.schedule.reference.makespan,
            "reference_kind": self.schedule.reference.kind,
            "reference_source": self.schedule.reference.source,
            "gap": self.schedule.gap,
            "utilisation": self.schedule.utilisation,
            "utilisation_predicted": self.predicted,
            "utilisation_calibrated": None if self.predicted is None else self.calibrated,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Known:
    """What was known of instances before anybody scheduled them: by that outcomes of several runs can be compared.

    Attributes:
        references: what makespans are relative to, by name of an instance.
        given: bounds that a person gave, by name of an instance, in order.
    """

    references: Mapping[str, int]
    given: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()

    @classmethod
    def of(cls, instances: Sequence[JobShop], bounds: Mapping[str, Mapping[str, int]]) -> "Known":
        """Of instances that have these bounds already."""
        given = tuple(sorted((name, tuple(sorted(one.items()))) for name, one in bounds.items()))
        return cls({one.name: one.reference.makespan for one in instances}, given)


class BuiltSchedulesReport(ExecutionReport):
    """Schedules of the agent and of the baselines on the same instances, with their files and charts.

    Every schedule is written, see :func:`~mtl.agent.environments.scheduling.schedule_files.schedule_files`. Pictures
    are Gantt charts of the agent's schedules, named ``gantt-<instance>``, and there is a page of each,
    ``chart-<instance>.html``. What schedules are measured by is for the subclasses to say.

    Args:
        outcomes: every method on every instance; the agent's are named ``agent``.
        gantt: which of the agent's schedules to draw: all, first or none.
    """

    def __init__(self, outcomes: Sequence[BuiltSchedule], gantt: str = "first") -> None:
        self.outcomes, self.gantt = list(outcomes), gantt
        self.labels = {outcome.method: outcome.label for outcome in outcomes}  # in the order of their first outcome

    def of(self, method: str) -> list[BuiltSchedule]:
        """The outcomes of one method, in the order of the instances."""
        return [outcome for outcome in self.outcomes if outcome.method == method]

    @override
    def texts(self) -> Iterator[tuple[str, str]]:
        yield from schedule_files([ExecutedSchedule(outcome.method, outcome.schedule) for outcome in self.outcomes])
        for name, outcome in self._drawn():
            yield f"chart-{name}.html", chart_page(outcome.schedule, f"agent ({outcome.label})")

    @override
    def figures(self) -> Iterator[tuple[str, "Figure"]]:
        # matplotlib is slow to import, and not every report has a picture
        from mtl.agent.environments.scheduling.gantt import gantt

        for name, outcome in self._drawn():
            yield f"gantt-{name}", gantt(outcome.schedule, f"agent ({outcome.label})")

    def _drawn(self) -> Iterator[tuple[str, BuiltSchedule]]:
        """The agent's outcomes of which there are charts, with what their files are called."""
        outcomes = drawn(self.of(AGENT), self.gantt)
        yield from zip(names_in_files([one.schedule.instance.name for one in outcomes]), outcomes, strict=True)


class ScheduleReport(BuiltSchedulesReport):
    """Outcomes of the agent and of the baselines on the same instances.

    Gap: ``(makespan - reference) / reference``, where the reference is the optimum if it is proven, else the best known
    makespan (the true gap to the optimum is then at least as large), else a lower bound (then it is at most as large).

    A record is one method on one instance. The summary holds means over the instances: the agent's, then
    ``<method>_gap`` and ``<method>_seconds`` of every baseline; ``optima``, ``best_known`` and ``lower_bounds`` count
    the instances whose reference is such a one. The table has an instance per row, the smallest gap of each in bold,
    and fits into 80 characters. Every schedule is written, see
    :func:`~mtl.agent.environments.scheduling.schedule_files.schedule_files`. Pictures are Gantt charts of the agent's
    schedules, named ``gantt-<instance>``, and there is a page of each, ``chart-<instance>.html``.

    Args:
        outcomes: every method on every instance; the agent's are named ``agent``.
        gantt: which of the agent's schedules to draw: all, first or none.
        known: of the instances before; None: what is known now.
    """

    def __init__(self, outcomes: Sequence[BuiltSchedule], gantt: str = "first", known: Known | None = None) -> None:
        super().__init__(outcomes, gantt)
        self.known = known or Known.of([outcome.schedule.instance for outcome in self.of(AGENT)], {})

    def gap(self, method: str) -> float:
        """Mean gap of a method over the instances."""
        return fmean(outcome.schedule.gap for outcome in self.of(method))

    @override
    def records(self) -> list[dict[str, Value]]:
        return [outcome.record() for outcome in self.outcomes]

    @override
    def summary(self) -> dict[str, float]:
        agent = self.of(AGENT)
        numbers: dict[str, float] = {
            "gap": self.gap(AGENT),
            "makespan": fmean(outcome.schedule.makespan for outcome in agent),
            "utilisation": fmean(outcome.schedule.utilisation for outcome in agent),
            "seconds": fmean(outcome.seconds for outcome in agent),
            "instances": len(agent),
        }
        kinds = [outcome.schedule.reference.kind for outcome in agent]
        numbers |= {
            "optima": kinds.count("optimum"),
            "best_known": kinds.count("best known"),
            "lower_bounds": kinds.count("lower bound"),
        }
        asked = [(o.predicted, o.schedule.utilisation) for o in agent if o.predicted is not None]
        if asked:
            numbers["utilisation_predicted"] = fmean(predicted for predicted, _ in asked)
            numbers["utilisation_error"] = fmean(abs(predicted - achieved) for predicted, achieved in asked)
        for method in self.labels:
            if method != AGENT:
                numbers[f"{method}_gap"] = self.gap(method)
                numbers[f"{method}_seconds"] = fmean(outcome.seconds for outcome in self.of(method))
        return numbers

    @override
    def outcome(self) -> Outcome:
        """Makespan of the agent by instance, relative to the reference: 1 + gap.

        Lower is better. A gain is relative to the baseline, in percent of the makespan: gaps near 0 would make any
        difference large. The reference is that of before: what a solver proves in its seconds may be another thing in
        another run.
        """
        schedules = [outcome.schedule for outcome in self.of(AGENT)]
        values = np.array([one.makespan / self.known.references[one.instance.name] for one in schedules])
        instances = hash_of([one.instance for one in schedules], self.known.given or None)
        name = "makespan relative to the reference"
        return Outcome(name, higher_is_better=False, values=values, scale=None, instances=instances)

    @override
    def failures(self, count: int) -> list[dict[str, Value]]:
        """The agent's schedules with the largest gaps, beside the best of the others, with facts about the shop."""
        rows = []
        for outcomes in zip(*(self.of(method) for method in self.labels), strict=True):
            agent = next(one for one in outcomes if one.method == AGENT)
            best = min((one for one in outcomes if one is not agent), key=lambda one: one.schedule.gap, default=None)
            instance, reference = agent.schedule.instance, agent.schedule.reference.makespan
            record = agent.record()
            shown = {key: record[key] for key in ("instance", "jobs", "machines", "makespan", "reference", "gap")}
            if best is not None:
                shown |= {"best_other": best.method, "gap_of_it": best.schedule.gap}
            shown |= {
                "longest_job": int(instance.durations.sum(1).max()) / reference,
                "machine_bound": instance.machine_bound / reference,
                "utilisation": agent.schedule.utilisation,
                "predicted": agent.predicted,
            }
            rows.append((agent.schedule.gap, shown))
        return [shown for _, shown in sorted(rows, key=lambda row: -row[0])[:count]]

    @override
    def table(self) -> Table:
        agent = self.of(AGENT)
        kinds = {outcome.schedule.reference.kind for outcome in agent}
        asked = [outcome for outcome in agent if outcome.predicted is not None]
        notes = [_NOTES[kind][1] for kind in _NOTES if kind in kinds and _NOTES[kind][1]]
        every = list(self.labels)
        wide = len(every) > _MOST_METHODS
        notes += [] if wide or all(outcome.calibrated for outcome in asked) else [_NOT_CALIBRATED[1]]
        notes += what_was_not_trained([outcome.schedule.instance for outcome in agent], searched(agent))
        notes += self._disproved()
        together, head = _NOTES[next(iter(kinds))][2:] if len(kinds) == 1 else _MIXED
        expected = [outcome.predicted for outcome in asked if outcome.predicted is not None]
        gaps = [
            bold_least([outcome.schedule.gap for outcome in row])
            for row in zip(*(self.of(method) for method in every), strict=True)
        ]
        schedules = [outcome.schedule for outcome in agent]
        references = [f"{one.reference.makespan}{_NOTES[one.reference.kind][0]}" for one in schedules]
        columns = {
            "instance": ("mean", [escape(one.instance.name) for one in schedules]),
            head: ("", references),
            "agent": (f"{fmean(one.makespan for one in schedules):.0f}", [str(one.makespan) for one in schedules]),
            **{
                "gap" if method == AGENT else self.labels[method]: (mean, [cells[place] for cells in gaps])
                for place, (method, mean) in enumerate(
                    zip(every, bold_least([self.gap(method) for method in every]), strict=True)
                )
            },
            _BUSY: (
                f"{fmean(one.utilisation for one in schedules):.0%}",
                [f"{one.utilisation:.0%}" for one in schedules],
            ),
            _FORECAST: (f"{fmean(expected):.0%}" if expected else "", [expected_share(outcome) for outcome in agent]),
            _SECONDS: (f"{fmean(outcome.seconds for outcome in agent):.2f}", [f"{one.seconds:.2f}" for one in agent]),
        }
        if wide:
            del columns[_BUSY], columns[_FORECAST]
        title = f"Job shops: gaps to {together} in % (agent: {self.labels[AGENT]})"
        return shop_table(title, notes, columns, [_FORECAST, _BUSY, _SECONDS])

    def _disproved(self) -> list[str]:
        """Lower bounds that a person gave, and that are above a schedule of the report."""
        found = []
        for outcomes in zip(*(self.of(method) for method in self.labels), strict=True):
            instance, least = outcomes[0].schedule.instance, min(one.schedule.makespan for one in outcomes)
            if instance.lower_bound is not None and least < instance.lower_bound:
                found.append(
                    f"! {escape(instance.name)}: a schedule of {least} is there, so the lower bound "
                    f"{instance.lower_bound} is wrong, and gaps may be"
                )
        return found


def drawn(outcomes: list[BuiltSchedule], which: str) -> list[BuiltSchedule]:
    """The outcomes of which there are charts: all, the first, or none."""
    return {"all": outcomes, "first": outcomes[:1], "none": []}[which]


def hash_of(instances: Sequence[JobShop], beside: object = None) -> str:
    """A hash of what is to be scheduled, in this order, whatever machines were chosen and whatever is known of it.

    Args:
        instances: in the order of the outcome.
        beside: what else an outcome depends on, whoever acts, as plain values; None: nothing.

    Returns:
        16 hexadecimal digits.
    """
    total = hashlib.sha256(b"" if beside is None else repr(beside).encode())
    for one in instances:
        asked = one if one.alternatives is None else one.alternatives
        total.update(repr((asked.durations.tolist(), asked.machines.tolist(), one.constraints, one.objective)).encode())
    return total.hexdigest()[:16]


def searched(outcomes: Sequence[BuiltSchedule]) -> int:
    """How many dispatchers of the agent were searched for shops of which more is demanded."""
    return max(one.searched for one in outcomes)


def what_was_not_trained(instances: Sequence[JobShop], searched: int = 0) -> list[str]:
    """What a person has to know of the agent's schedules of such instances; nothing where it was trained for them.

    Args:
        instances: the shops.
        searched: dispatchers of the agent that were searched for shops of which more is demanded.

    Returns:
        Lines.
    """
    demanded = dict.fromkeys(what for instance in instances for what in instance.demanded)
    late = any(instance.objective == "weighted_tardiness" for instance in instances)
    if not demanded and not late:
        return []
    kept = [what for what in demanded if what != "due dates"]
    keeps = f"; it keeps {', '.join(kept)}" if kept else ""
    if searched:
        which = f"{searched} of its dispatchers were searched for due dates or a choice of machines"
        return [f"! {_TRAINED}{keeps}; {which}"]
    ignores = "; it does not look at due dates" if "due dates" in demanded else ""
    return [f"! {_TRAINED}{keeps}{ignores}"]


def expected_share(outcome: BuiltSchedule) -> str:
    """What the network expected, marked where it was not trained on such a size; empty if it was not asked."""
    if outcome.predicted is None:
        return ""
    return f"{'' if outcome.calibrated else _NOT_CALIBRATED[0]}{outcome.predicted:.0%}"


def bold_least(gaps: list[float]) -> list[str]:
    """Gaps in percent, the smallest in bold."""
    least = min(gaps)
    return [f"[bold]{100 * gap:.1f}[/bold]" if gap == least else f"{100 * gap:.1f}" for gap in gaps]
