"""All numbers of a comparison: configurations x tasks against the same-seed single-task baseline, with cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from mtl.comparison.records import Record, flatten, labels
from mtl.comparison.statistics.bootstrap import bootstrap_interval
from mtl.comparison.statistics.gains import Scale, delta_m, gain, scale_of
from mtl.comparison.statistics.paired import Paired, equivalence, holm, paired
from mtl.comparison.statistics.pareto import front, hypervolume
from mtl.comparison.statistics.ranks import Ranking, mean_ranks, ranking
from mtl.errors import InputError

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


def compare(
    records: Sequence[Record], rules: Rules | None = None, names: Mapping[str, str] | None = None
) -> Comparison:
    """Compare runs of one question (see :func:`mtl.comparison.records.read`).

    Args:
        records: finished runs, each configuration and seed once.
        rules: when a difference counts.
        names: labels by configuration id, where better ones are known than those derived from the configs.

    Raises:
        InputError: no runs, or no single-task baseline that shares a seed with a multi-task configuration.
    """
    rules = rules or Rules()
    if not records:
        raise InputError("nothing to compare: no finished run")
    groups: dict[str, dict[int, Record]] = {}
    for one in records:
        groups.setdefault(one.configuration, {})[one.seed] = one
    derived = labels(records)
    label = {key: (names or {}).get(key, derived[key]) for key in groups}
    base = choose_baseline(groups)
    first = records[0]
    tasks = tuple(first.primary)
    scales = {task: task_scale(task, first.primary[task], records, rules) for task in tasks}

    def gains(group: Mapping[int, Record], over: Mapping[int, Record], task: str, split: str = "test") -> list[float]:
        return [
            gain(
                getattr(group[seed], split)[task],
                getattr(over[seed], split)[task],
                higher_is_better=first.directions[task],
                scale=scales[task],
            )
            for seed in shared_seeds(group, over)
        ]

    def deltas(group: Mapping[int, Record], over: Mapping[int, Record], split: str = "test") -> list[float]:
        return [delta_m(by_seed) for by_seed in zip(*(gains(group, over, t, split) for t in tasks), strict=True)]

    usable = [key for key in groups if shared_seeds(groups[key], groups[base])]
    multi = [key for key in usable if one_of(groups[key]).model != BASELINE]
    single = [key for key in usable if key not in multi]
    over = groups[base]
    evidence: dict[tuple[str, str], Evidence] = {}
    for family in (multi, single):
        found = {(key, task): gains(groups[key], over, task) for key in family for task in tasks}
        evidence |= judged(found, rules)
        evidence |= judged({(key, ""): deltas(groups[key], over) for key in family}, rules)
    means = np.array(
        [[np.mean(gains(groups[key], over, task)) for task in tasks] for key in usable]
    )  # [C, K], positive is better
    ranks = [mean_ranks(means.T)[i] for i in range(len(usable))]

    def row(key: str, rank: float) -> Row:
        group = groups[key]
        seeds = shared_seeds(group, over)
        kept = tuple(group[seed] for seed in seeds)
        return Row(
            label=label[key],
            model=kept[0].model,
            weighting=kept[0].weighting,
            seeds=tuple(seeds),
            cells={task: cell([one.test[task] for one in kept], evidence[key, task]) for task in tasks},
            delta=evidence[key, ""],
            validation=float(np.mean(deltas(group, over, "val"))),
            costs={cost: float(np.median([getattr(one, cost) for one in kept])) for cost in COSTS},
            execution=mean_execution(kept),
            rank=rank,
            records=kept,
        )

    rows = {key: row(key, rank) for key, rank in zip(usable, ranks, strict=True)}
    candidates = [rows[key] for key in multi if isfinite(rows[key].validation)]
    best = max(candidates, key=lambda one: one.validation, default=None)
    others = [key for key in (*multi, *single) if key != base]
    best_group = groups[next(key for key in multi if rows[key] is best)] if best else {}
    against = {
        rows[key].label: next(iter(judged({("", ""): deltas(best_group, groups[key])}, rules).values()))
        for key in single
        if key != base and shared_seeds(best_group, groups[key])
    }
    order = [base, *others]
    common = sorted(set.intersection(*(set(groups[key]) for key in order)))
    scores = [
        [deltas({seed: groups[key][seed]}, {seed: over[seed]})[0] for key in order] for seed in common
    ]  # [seeds, C]
    in_order = np.array([means[usable.index(key)] for key in order])
    cost_points = [[rows[key].delta.mean, -rows[key].costs["seconds"]] for key in order]
    return Comparison(
        suite=first.suite,
        tasks=tasks,
        primary=first.primary,
        directions=first.directions,
        scales=scales,
        rules=rules,
        baseline=rows[base],
        rows=tuple(rows[key] for key in others),
        best=best,
        ranking=ranking(scores, rules.alpha) if scores else Ranking([nan] * len(order), nan, nan),
        against=against,
        front_tasks=tuple(rows[k].label for k, on in zip(order, front(in_order), strict=True) if on),
        front_cost=tuple(rows[k].label for k, on in zip(order, front(cost_points), strict=True) if on),
        hypervolume=dict(zip([rows[key].label for key in order], contributions(in_order), strict=True)),
    )


def choose_baseline(groups: Mapping[str, Mapping[int, Record]]) -> str:
    """The single-task configuration that differs least from the multi-task ones in everything but model and weighting.

    So networks of the usual size and duration are the baseline, and matched ones are further baselines. Ties go to the
    one with more runs.
    """
    multi = [one_of(group) for group in groups.values() if one_of(group).model != BASELINE]
    single = {key: group for key, group in groups.items() if one_of(group).model == BASELINE}
    if not single:
        raise InputError(f"no baseline: none of the runs has model={BASELINE}")

    def distance(key: str) -> tuple[int, int, int]:
        mine = question(one_of(single[key]))
        differing = sum(len(mine.items() ^ question(other).items()) for other in multi)
        together = sum(len(shared_seeds(single[key], group)) for group in groups.values())
        return differing, -together, -len(single[key])

    chosen = min(single, key=distance)
    if multi and not any(
        shared_seeds(single[chosen], group) for group in groups.values() if one_of(group).model != BASELINE
    ):
        raise InputError("no multi-task run has a seed in common with a run of the single-task baseline")
    return chosen


def question(one: Record) -> dict[str, str]:
    """The config of a run but for how parameters are shared and losses weighted."""
    ours = ("model.", "weighting.", "choices.", "seed")
    return {key: value for key, value in flatten(one.config).items() if not key.startswith(ours)}


def one_of(group: Mapping[int, Record]) -> Record:
    """Any run of a configuration."""
    return next(iter(group.values()))


def shared_seeds(a: Mapping[int, Record], b: Mapping[int, Record]) -> list[int]:
    """Seeds that both have, in order."""
    return sorted(set(a) & set(b))


def task_scale(task: str, metric: str, records: Sequence[Record], rules: Rules) -> Scale:
    """What gains of a task are divided by."""
    if rules.scales and task in rules.scales:
        return Scale(float(rules.scales[task]), "divided by a scale that was set for this task")
    return scale_of(metric, [one.test[task] for one in records] + [one.val[task] for one in records])


def judged(gains: Mapping[tuple[str, str], Sequence[float]], rules: Rules) -> dict[tuple[str, str], Evidence]:
    """Evidence of a family of hypotheses, corrected together."""
    tests = {key: paired(values) for key, values in gains.items()}
    adjusted = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
    small = dict(zip(gains, holm([equivalence(values, rules.margin) for values in gains.values()]), strict=True))
    out = {}
    for key, values in gains.items():
        p, mean = adjusted[key], tests[key].mean
        if small[key] < rules.alpha:
            call = SAME
        elif p < rules.alpha:
            call = HELPS if mean > 0 else HURTS
        else:
            call = UNCLEAR
        out[key] = Evidence(tuple(values), bootstrap_interval(values), tests[key], p, call)
    return out


def cell(values: Sequence[float], evidence: Evidence) -> Cell:
    """Summary of one configuration on one task."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else nan
    return Cell(tuple(values), float(np.mean(values)), sd, bootstrap_interval(values), evidence)


def mean_execution(records: Sequence[Record]) -> dict[str, float]:
    """Mean over runs of every number that all of them have."""
    names = [name for name in records[0].execution if all(name in one.execution for one in records)]

    return {name: float(np.mean([one.execution[name] for one in records])) for name in names}


def contributions(points: np.ndarray) -> list[float]:
    """Share of the volume that configurations dominate together which is lost without each of them; points ``[C, K]``.

    Gains are scaled to [0, 1] between the worst and the best of each task; the reference is a tenth below the worst.
    """
    if not np.isfinite(points).all() or points.shape[1] > 8:  # beyond 8 tasks slicing takes too long to be worth it
        return [nan] * len(points)
    low, span = points.min(0), np.ptp(points, 0)
    x = (points - low) / np.where(span > 0, span, 1.0)
    reference = np.full(points.shape[1], -0.1)
    whole = hypervolume(x, reference)
    return [(whole - hypervolume(np.delete(x, i, 0), reference)) / whole for i in range(len(x))]
