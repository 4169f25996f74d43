"""What a comparison is made of: the rules that it was asked to apply, and the evidence that came out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mtl.comparison.design import Design
from mtl.comparison.records import Record
from mtl.comparison.statistics.estimate import Estimate, Interval
from mtl.comparison.statistics.gains import Scale
from mtl.comparison.statistics.looks import Look
from mtl.config.run_result import TaskFacts
from mtl.config.study import APART

COSTS = ("parameters", "seconds", "memory", "inference")

HELPS, HURTS, SAME, UNCLEAR = "helps", "hurts", "same", "unclear"


@dataclass(frozen=True)
class Rules:
    """When a difference counts.

    Attributes:
        alpha: chance of any false claim among all those of a comparison.
        margin: gains within +-margin are too small to matter.
    """

    alpha: float = 0.05
    margin: float = 0.01

    def __post_init__(self) -> None:
        """Raise ValueError for numbers by which everything, or nothing, would count."""
        for name, value in (("alpha", self.alpha), ("margin", self.margin)):
            if not 0 <= value < 1 or (value == 0 and name == "alpha"):
                raise ValueError(f"{name}={value}: expected a number between 0 and 1")


@dataclass(frozen=True)
class Evidence:
    """Gains of one configuration over another on test, on one task, on all (delta_m), or in acting.

    Attributes:
        gains: by seed, positive being better.
        estimate: their mean, with its standard error.
        alpha: chance that the interval misses the truth; NaN where nothing is claimed.
        interval: of the mean gain; NaN where nothing is claimed.
        call: what the interval says: same (it lies within the margin), else helps or hurts (it leaves zero out), else
            unclear.
    """

    gains: tuple[float, ...]
    estimate: Estimate
    alpha: float
    interval: Interval
    call: str

    @property
    def mean(self) -> float:
        """Mean gain."""
        return self.estimate.mean

    @property
    def no_row_differs(self) -> bool:
        """Whether both are the same on every test row, or instance of acting, of every run, and there are several."""
        return bool(self.estimate.parts) and self.mean == 0 and self.estimate.error == 0


def call_of(interval: Interval, margin: float) -> str:
    """What an interval of a gain says."""
    low, high = interval
    if -margin <= low and high <= margin:
        return SAME
    if low > 0:
        return HELPS
    return HURTS if high < 0 else UNCLEAR


@dataclass(frozen=True)
class Cell:
    """One configuration on one task: values of the primary metric on test by seed, mean, sd, and evidence."""

    values: tuple[float, ...]
    mean: float
    sd: float
    evidence: Evidence


@dataclass(frozen=True)
class Measurement:
    """What a configuration did on test.

    Attributes:
        seeds: those of the last look, which it has in common with the baseline.
        records: its runs, in the order of ``seeds``.
        cells: by task.
        delta: evidence on delta_m.
        outcome: evidence on what came of acting; None where nothing comparable was kept.
        looks: at delta_m, in order.
    """

    seeds: tuple[int, ...]
    records: tuple[Record, ...]
    cells: Mapping[str, Cell]
    delta: Evidence
    outcome: Evidence | None
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class Row:
    """One configuration.

    Attributes:
        key: its configuration id.
        label: its name in tables.
        model, weighting: its choices.
        validation: mean gains on the validation split by task, on the seeds of ``screened``.
        delta_validation: their mean, by which the best configuration is chosen.
        screened: the seeds of the runs that ``validation`` is of.
        rank: mean over tasks of its rank among all configurations by mean validation metric.
        costs: median of each of :data:`COSTS`: the first run of a process takes longer than those after it.
        inference_spread: fastest and slowest of its runs, in seconds.
        execution: mean of what came of acting.
        still_improving: whether at least half of its runs were ended by their budget at their best epoch.
        records: all its runs.
        tested: what it did on test; None: it was screened only, or no run that decides has finished.
    """

    key: str
    label: str
    model: str
    weighting: str
    validation: Mapping[str, float]
    delta_validation: float
    screened: tuple[int, ...]
    rank: float
    costs: Mapping[str, float]
    inference_spread: tuple[float, float]
    execution: Mapping[str, float]
    still_improving: bool
    records: tuple[Record, ...]
    tested: Measurement | None

    @property
    def multi(self) -> bool:
        """Whether it learns tasks together."""
        return self.model not in APART


@dataclass(frozen=True)
class Comparison:
    """Everything a report shows.

    Attributes:
        suite: the data.
        tasks: names of those that count, in order; primary and directions by name.
        scales: by task, of gains on test.
        validation_scales: by task, of gains on validation.
        rules: when a difference counts.
        design: which runs decide, and how often one looks.
        baseline: the single-task configuration that gains are over; its own gains are zero.
        rows: all other configurations: multi-task first, further baselines last.
        best: the multi-task row with the highest delta_m on validation; None without any.
        against: by label of a further baseline, evidence on delta_m of ``best`` over that one.
        hypotheses: how many tests a configuration has beside the one of delta_m.
        unpaired: labels of configurations without a row, since no run of theirs is on a seed of the baseline.
        front_tasks: labels that no other configuration beats on every task, on validation.
        front_cost: labels that no other beats in delta_m on validation and training seconds.
        hypervolume: by label, the share of the volume between worst and best validation gains that is lost without it.
            What screening stopped is on no front, and its share is NaN, as its rank is.
        auxiliary: tasks that some configurations learn to help the others, by name; nothing of them counts.
    """

    suite: str
    tasks: tuple[str, ...]
    primary: Mapping[str, str]
    directions: Mapping[str, bool]
    scales: Mapping[str, Scale]
    validation_scales: Mapping[str, Scale]
    rules: Rules
    design: Design
    baseline: Row
    rows: tuple[Row, ...]
    best: Row | None
    against: Mapping[str, Evidence]
    hypotheses: int
    unpaired: tuple[str, ...]
    front_tasks: tuple[str, ...]
    front_cost: tuple[str, ...]
    hypervolume: Mapping[str, float]
    auxiliary: Mapping[str, TaskFacts] = field(default_factory=dict)

    @property
    def all_tasks(self) -> str:
        """What is above the mean over tasks in a table or figure."""
        return "tasks that count" if self.auxiliary else "all tasks"

    @property
    def learned(self) -> tuple[str, ...]:
        """All tasks that configurations learn, auxiliary ones too, in the order in which runs have them."""
        most: tuple[str, ...] = max((one.learned for row in self.all_rows for one in row.records), key=len, default=())
        return tuple(dict.fromkeys([*most, *self.tasks, *self.auxiliary]))

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """The baseline and the others."""
        return (self.baseline, *self.rows)

    @property
    def stopped(self) -> frozenset[str]:
        """Ids of the rows that screening stopped once their first run had ended: their gains are of one seed."""
        stopped = {one.configuration for one in self.design.stopped}
        return frozenset(row.key for row in self.rows if row.key in stopped)

    @property
    def tested_rows(self) -> list[tuple[Row, Measurement]]:
        """Configurations other than the baseline that were measured on test."""
        return [(row, row.tested) for row in self.rows if row.tested is not None]
