"""Gains of one configuration over another: by seed, and by test row where the rows are kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mtl.comparison.records import Record
from mtl.comparison.statistics.estimate import Estimate, over_seeds, over_seeds_and_rows, over_splits
from mtl.comparison.statistics.gains import RELATIVE, Scale, gains, scale_of
from mtl.comparison.types import Rules
from mtl.errors import InputError

Runs = Mapping[int, Record]  # of one configuration, by seed


def by_configuration(records: Iterable[Record]) -> dict[str, dict[int, Record]]:
    """The runs of each configuration, by its id and their seed."""
    found: dict[str, dict[int, Record]] = {}
    for one in records:
        found.setdefault(one.configuration, {})[one.seed] = one
    return found


def any_run(runs: Runs) -> Record:
    """Any run of a configuration: for what is the same in all of them."""
    return next(iter(runs.values()))


def shared_seeds(a: Runs, b: Runs) -> list[int]:
    """Seeds that both have, in order."""
    return sorted(set(a) & set(b))


@dataclass(frozen=True)
class GainSample:
    """Gains over the mean baseline.

    Attributes:
        by_seed: ``[n]``.
        rows: ``[n, m]``, what each test row contributes to each seed's gain (their mean over the rows); None where the
            rows differ from seed to seed.
        test_share: test rows over training rows, where each seed has a split of its own; None: all share one.
    """

    by_seed: np.ndarray
    rows: np.ndarray | None
    test_share: float | None

    def estimate(self) -> Estimate:
        """The mean gain, with the error that belongs to how the data was split."""
        if self.test_share is not None:
            return over_splits(self.by_seed, self.test_share)
        return over_seeds(self.by_seed) if self.rows is None else over_seeds_and_rows(self.rows)


@dataclass(frozen=True)
class GainRule:
    """How gains are computed.

    Attributes:
        tasks: names, in order.
        directions: by task, whether a higher primary metric is better.
        scales: by task, what a difference is divided by.
        resplit: whether each seed has a split of its own.
    """

    tasks: tuple[str, ...]
    directions: Mapping[str, bool]
    scales: Mapping[str, Scale]
    resplit: bool = False

    @classmethod
    def of(cls, records: Sequence[Record], rules: Rules, *, resplit: bool = False) -> "GainRule":
        """For these runs, which all have the same tasks."""
        first = records[0]
        scales = {task: task_scale(task, metric, records, rules) for task, metric in first.primary.items()}
        return cls(tuple(first.primary), first.directions, scales, resplit)

    def on_validation(self, runs: Runs, over: Runs, seeds: Sequence[int]) -> dict[str, float]:
        """Mean gains by task on the validation rows, on which choices are made and nothing is claimed."""
        return {
            task: float(
                gains(
                    np.array([runs[seed].val[task] for seed in seeds]),
                    np.array([over[seed].val[task] for seed in seeds]),
                    higher_is_better=self.directions[task],
                    scale=self.scales[task],
                ).mean()
            )
            for task in self.tasks
        }

    def on_task(self, runs: Runs, over: Runs, seeds: Sequence[int], task: str) -> GainSample:
        """Gains in the primary metric of a task on test."""
        return self._sample(runs, over, seeds, [task])

    def on_all_tasks(self, runs: Runs, over: Runs, seeds: Sequence[int]) -> GainSample:
        """Means of the gains over all tasks on test.

        This is delta_m, ``(1/K) sum_i gain_i``, of Maninis, Radosavovic, Kokkinos, "Attentive Single-Tasking of
        Multiple Tasks", CVPR 2019, https://arxiv.org/abs/1904.08918 (section 5). Deviations: the paper always divides
        by the baseline, :func:`~mtl.comparison.statistics.gains.scale_of` says where we do not; and it has one run of
        each network, we have one for each seed.
        """
        return self._sample(runs, over, seeds, self.tasks)

    def on_outcome(self, runs: Runs, over: Runs, seeds: Sequence[int]) -> GainSample | None:
        """Gains in what came of acting, whose instances are its rows; None where it was not kept for all."""
        found = [(runs[seed].kept().outcome, over[seed].kept().outcome) for seed in seeds]
        pairs = [(mine, base) for mine, base in found if mine is not None and base is not None]
        if not pairs or len(pairs) < len(found) or len({one.values.shape for pair in pairs for one in pair}) > 1:
            return None
        first = pairs[0][0]
        scale = RELATIVE if first.scale is None else Scale(first.scale, "divided by a scale of the environment")
        rows = gains(
            np.stack([mine.values for mine, _ in pairs]),
            np.stack([base.values for _, base in pairs]),
            higher_is_better=first.higher_is_better,
            scale=scale,
        )
        return GainSample(rows.mean(1), rows, None)

    def _sample(self, runs: Runs, over: Runs, seeds: Sequence[int], tasks: Sequence[str]) -> GainSample:
        """Mean gains over these tasks."""
        by_seed = np.mean([self._gains(runs, over, seeds, task) for task in tasks], axis=0)
        if self.resplit:
            return GainSample(by_seed, None, float(np.mean([runs[seed].test_share for seed in seeds])))
        deviations = np.mean([self._row_deviations(runs, over, seeds, task) for task in tasks], axis=0)
        return GainSample(by_seed, by_seed[:, None] + deviations, None)

    def _gains(self, runs: Runs, over: Runs, seeds: Sequence[int], task: str) -> np.ndarray:
        """Gains by seed, ``[n]``."""
        return gains(
            np.array([runs[seed].test[task] for seed in seeds]),
            np.array([over[seed].test[task] for seed in seeds]),
            higher_is_better=self.directions[task],
            scale=self.scales[task],
        )

    def _row_deviations(self, runs: Runs, over: Runs, seeds: Sequence[int], task: str) -> np.ndarray:
        """What each test row adds to or takes from a seed's gain, ``[n, m]``; their mean over the rows is zero.

        A row without a label has no part in it. The others count so much more that the sum over all rows of their
        squares over ``m^2`` is the variance of the gain with as many labels as there are.
        """
        mine = stack_rows(runs, seeds, task)
        base = stack_rows(over, seeds, task)
        if mine.shape != base.shape:
            raise InputError(f"runs of one comparison have {mine.shape[1]} and {base.shape[1]} test rows: train again")
        labelled = np.isfinite(mine).all(0) & np.isfinite(base).all(0)
        out = np.full_like(mine, 0.0 if labelled.any() else np.nan)  # unknown: then there is no interval either
        if labelled.any():
            by_row = gains(
                mine[:, labelled],
                base[:, labelled],
                higher_is_better=self.directions[task],
                scale=self.scales[task],
            )
            share = labelled.sum() / len(labelled)
            out[:, labelled] = (by_row - by_row.mean(1, keepdims=True)) / share
        return out


def stack_rows(runs: Runs, seeds: Sequence[int], task: str) -> np.ndarray:
    """What each test row contributes to the primary metric of a task, ``[n, m]``."""
    return np.stack([np.asarray(runs[seed].kept().tasks[task], dtype=float) for seed in seeds])


def task_scale(task: str, metric: str, records: Sequence[Record], rules: Rules) -> Scale:
    """What gains of a task are divided by."""
    if rules.scales and task in rules.scales:
        return Scale(float(rules.scales[task]), "divided by a scale that was set for this task")
    return scale_of(metric, [one.test[task] for one in records] + [one.val[task] for one in records])
