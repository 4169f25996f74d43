"""All numbers of a comparison: configurations x tasks against the same-seed single-task baseline, with cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from mtl.comparison.baseline import choose_baseline
from mtl.comparison.evidence import ALL_TASKS, Hypothesis, correct_family, find_evidence, summarize
from mtl.comparison.labels import unique_labels
from mtl.comparison.pairing import PairedGains, Runs, any_run, by_configuration, shared_seeds
from mtl.comparison.records import Record
from mtl.comparison.statistics.pareto import front, hypervolume_contributions
from mtl.comparison.statistics.ranks import Ranking, mean_ranks, ranking
from mtl.comparison.types import BASELINE, COSTS, Comparison, Evidence, Row, Rules
from mtl.errors import InputError


def compare(
    records: Sequence[Record], rules: Rules | None = None, names: Mapping[str, str] | None = None
) -> Comparison:
    """Compare runs of one question (see :func:`mtl.comparison.records.read`).

    Args:
        records: finished runs, each configuration and seed once.
        rules: when a difference counts.
        names: labels by configuration id, where better ones are known than those derived from the configs.

    Returns:
        Gains over the baseline with their evidence, ranks, fronts and costs.

    Raises:
        InputError: no runs, or no single-task baseline that shares a seed with a multi-task configuration.
    """
    if not records:
        raise InputError("nothing to compare: no finished run")
    rules = rules or Rules()
    runs = by_configuration(records)
    sides = Sides.of(runs)
    gains = PairedGains.of(records, rules)
    rows = make_rows(runs, sides, gains, rules, unique_labels(records, names))
    order = [sides.baseline, *sides.others]
    means = {key: [float(np.mean(cell.evidence.gains)) for cell in rows[key].cells.values()] for key in order}
    points = np.array([means[key] for key in order])  # [C, K]
    cost_points = [[rows[key].delta.mean, -rows[key].costs["seconds"]] for key in order]
    labels = [rows[key].label for key in order]
    best = choose_best(rows, sides.multi)
    return Comparison(
        suite=records[0].suite,
        tasks=gains.tasks,
        primary=records[0].primary,
        directions=records[0].directions,
        scales=dict(gains.scales),
        rules=rules,
        baseline=rows[sides.baseline],
        rows=tuple(rows[key] for key in sides.others),
        best=rows[best] if best else None,
        ranking=rank_by_seed([runs[key] for key in order], gains, rules),
        against=against_further_baselines(best, runs, sides, gains, rules, rows) if best else {},
        front_tasks=tuple(label for label, on in zip(labels, front(points), strict=True) if on),
        front_cost=tuple(label for label, on in zip(labels, front(cost_points), strict=True) if on),
        hypervolume=dict(zip(labels, hypervolume_contributions(points), strict=True)),
    )


@dataclass(frozen=True)
class Sides:
    """Ids of the configurations that share a seed with the baseline.

    Attributes:
        baseline: what the others are compared with.
        multi: those that learn tasks together.
        single: those that do not, the baseline among them.
    """

    baseline: str
    multi: tuple[str, ...]
    single: tuple[str, ...]

    @classmethod
    def of(cls, runs: Mapping[str, Runs]) -> "Sides":
        """Of runs by configuration id. InputError if there is no baseline."""
        baseline = choose_baseline(runs)
        usable = [key for key in runs if shared_seeds(runs[key], runs[baseline])]
        multi = tuple(key for key in usable if any_run(runs[key]).model != BASELINE)
        return cls(baseline, multi, tuple(key for key in usable if key not in multi))

    @property
    def others(self) -> list[str]:
        """All but the baseline, multi-task ones first."""
        return [*self.multi, *self.further]

    @property
    def further(self) -> list[str]:
        """Baselines beside the one that gains are over."""
        return [key for key in self.single if key != self.baseline]


def make_rows(
    runs: Mapping[str, Runs], sides: Sides, gains: PairedGains, rules: Rules, labels: Mapping[str, str]
) -> dict[str, Row]:
    """The rows of a comparison, by configuration id."""
    over = runs[sides.baseline]
    evidence: dict[Hypothesis, Evidence] = {}
    for family in (sides.multi, sides.single):
        evidence |= find_evidence({key: runs[key] for key in family}, over, gains, rules)
    keys = [key for key in runs if key in (*sides.multi, *sides.single)]
    means = np.array([[np.mean(evidence[key, task].gains) for key in keys] for task in gains.tasks])  # [K, C]
    ranks = dict(zip(keys, mean_ranks(means), strict=True))

    def row(key: str) -> Row:
        seeds = shared_seeds(runs[key], over)
        kept = tuple(runs[key][seed] for seed in seeds)
        return Row(
            label=labels[key],
            model=kept[0].model,
            weighting=kept[0].weighting,
            seeds=tuple(seeds),
            cells={task: summarize([one.test[task] for one in kept], evidence[key, task]) for task in gains.tasks},
            delta=evidence[key, ALL_TASKS],
            validation=float(np.mean(gains.on_all_tasks(runs[key], over, "val"))),
            costs={cost: float(np.median([getattr(one, cost) for one in kept])) for cost in COSTS},
            execution=mean_execution(kept),
            rank=ranks[key],
            records=kept,
        )

    return {key: row(key) for key in keys}


def choose_best(rows: Mapping[str, Row], multi: Sequence[str]) -> str | None:
    """The multi-task configuration with the highest mean gain on validation; None where none was measured there."""
    measured = [key for key in multi if isfinite(rows[key].validation)]
    return max(measured, key=lambda key: rows[key].validation, default=None)


def against_further_baselines(
    best: str, runs: Mapping[str, Runs], sides: Sides, gains: PairedGains, rules: Rules, rows: Mapping[str, Row]
) -> dict[str, Evidence]:
    """By label of each further baseline: mean gains over tasks of the best configuration over that one."""
    found = {}
    for key in sides.further:
        if shared_seeds(runs[best], runs[key]):
            hypothesis = (best, ALL_TASKS)
            family = {hypothesis: gains.on_all_tasks(runs[best], runs[key])}
            found[rows[key].label] = correct_family(family, rules)[hypothesis]
    return found


def rank_by_seed(configurations: Sequence[Runs], gains: PairedGains, rules: Rules) -> Ranking:
    """Ranks by mean gain over the first configuration, on the seeds that all have; NaN where there is none."""
    over = configurations[0]
    common = sorted(set.intersection(*(set(runs) for runs in configurations)))
    if not common:
        return Ranking([nan] * len(configurations), nan, nan)
    of_seeds = [{seed: runs[seed] for seed in common} for runs in configurations]
    scores = np.array([gains.on_all_tasks(runs, over) for runs in of_seeds]).T  # [seeds, C]
    return ranking(scores, rules.alpha)


def mean_execution(records: Sequence[Record]) -> dict[str, float]:
    """Mean over runs of every number that all of them have."""
    names = [name for name in records[0].execution if all(name in one.execution for one in records)]
    return {name: float(np.mean([one.execution[name] for one in records])) for name in names}
