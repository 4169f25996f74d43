"""What a comparison is made of: the rules that it was asked to apply, and the evidence that came out."""

from collections.abc import Mapping
from dataclasses import dataclass

from mtl.comparison.records import Record
from mtl.comparison.statistics.gains import Scale
from mtl.comparison.statistics.paired import Paired
from mtl.comparison.statistics.ranks import Ranking

BASELINE = "single_task"  # the model whose runs every other is compared with
COSTS = ("parameters", "seconds", "memory", "inference")

HELPS, HURTS, SAME, UNCLEAR = "helps", "hurts", "same", "unclear"


@dataclass(frozen=True)
class Rules:
    """When a difference counts.

    Attributes:
        alpha: chance of calling any difference where there is none, over all configurations (and tasks) together.
        margin: gains within +-margin are too small to matter.
        scales: by task, a divisor that replaces the one chosen by :func:`~mtl.comparison.statistics.gains.scale_of`.
    """

    alpha: float = 0.05
    margin: float = 0.01
    scales: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Evidence:
    """Gains of one configuration over the baseline, one per seed, on one task or (delta_m) over all.

    Attributes:
        gains: by seed, positive being better.
        interval: 95 % bootstrap interval of the mean.
        test: paired tests of the gains against zero.
        p: the t test's p-value after Holm's correction over the family.
        call: same (within the margin by two one-sided t tests at alpha, corrected likewise, whether or not it differs
            from zero), else helps or hurts (p < alpha), else unclear.
    """

    gains: tuple[float, ...]
    interval: tuple[float, float]
    test: Paired
    p: float
    call: str

    @property
    def mean(self) -> float:
        """Mean gain."""
        return self.test.mean


@dataclass(frozen=True)
class Cell:
    """One configuration on one task: values of the primary metric on test by seed, mean, sd, interval, and evidence."""

    values: tuple[float, ...]
    mean: float
    sd: float
    interval: tuple[float, float]
    evidence: Evidence


@dataclass(frozen=True)
class Row:
    """One configuration.

    Attributes:
        label: its name in tables.
        model, weighting: its choices.
        seeds: those it has in common with the baseline; numbers are over these.
        cells: by task.
        delta: evidence on delta_m.
        validation: mean delta_m on the validation split, by which the best configuration is chosen.
        costs: median of each of :data:`COSTS`: the first run of a process takes longer than those after it.
        execution: mean of what came of acting.
        rank: mean over tasks of its rank among all configurations by mean test metric.
        records: its runs, in the order of ``seeds``.
    """

    label: str
    model: str
    weighting: str
    seeds: tuple[int, ...]
    cells: dict[str, Cell]
    delta: Evidence
    validation: float
    costs: dict[str, float]
    execution: dict[str, float]
    rank: float
    records: tuple[Record, ...]

    @property
    def multi(self) -> bool:
        """Whether it learns tasks together."""
        return self.model != BASELINE


@dataclass(frozen=True)
class Comparison:
    """Everything a report shows.

    Attributes:
        suite: the data.
        tasks: their names, in order; primary and directions by name.
        scales: by task.
        rules: when a difference counts.
        baseline: the single-task configuration that gains are over; its own gains are zero.
        rows: all other configurations: multi-task first, further single-task ones last.
        best: the multi-task row with the highest delta_m on validation; None without any.
        ranking: of all configurations over seeds by delta_m, when they have seeds in common.
        against: by label of a further baseline, gains in delta_m of ``best`` over that one.
        front_tasks: labels that no other configuration beats on every task.
        front_cost: labels that no other beats in delta_m and training seconds.
        hypervolume: by label, the share of the volume between worst and best gains that is lost without it.
    """

    suite: str
    tasks: tuple[str, ...]
    primary: dict[str, str]
    directions: dict[str, bool]
    scales: dict[str, Scale]
    rules: Rules
    baseline: Row
    rows: tuple[Row, ...]
    best: Row | None
    ranking: Ranking
    against: dict[str, Evidence]
    front_tasks: tuple[str, ...]
    front_cost: tuple[str, ...]
    hypervolume: dict[str, float]

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """The baseline and the others."""
        return (self.baseline, *self.rows)
