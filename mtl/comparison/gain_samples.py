"""Gains of one configuration over another: by seed, and by test row where the rows are kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from mtl.comparison.records import Record
from mtl.comparison.statistics.estimate import Estimate, Unseen, over_seeds, over_seeds_and_rows, over_splits
from mtl.comparison.statistics.gains import RELATIVE, Scale, gains, scale_of
from mtl.errors import InputError
from mtl.runs.contributions import Outcome, effective_number

ROUNDING = 1e-6  # of metrics in single precision
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
        rows: ``[n, m]``, what each test row, or each group of them, contributes to each seed's gain (their mean over
            the rows); None where the rows differ from seed to seed.
        test_share: test rows over training rows, where each seed has a split of its own; None: all share one.
        informative: how many of the m rows or groups have a label, those of unlike weight or size counting as fewer;
            None: all.
        unseen: what rows may differ by that none of these does; None: nothing.
    """

    by_seed: np.ndarray
    rows: np.ndarray | None
    test_share: float | None
    informative: float | None = None
    unseen: Unseen | None = None

    def estimate(self) -> Estimate:
        """The mean gain, with the error that belongs to how the data was split."""
        if self.test_share is not None:
            found = over_splits(self.by_seed, self.test_share)
        else:
            found = over_seeds(self.by_seed) if self.rows is None else over_seeds_and_rows(self.rows, self.informative)
        return replace(found, unseen=self.unseen)


@dataclass(frozen=True)
class GainRule:
    """How gains are computed.

    Attributes:
        tasks: names, in order.
        directions: by task, whether a higher primary metric is better.
        scales: by task, what a difference on test is divided by.
        validation_scales: likewise on validation, where test values decide nothing: not this either.
        resplit: whether each seed has a split of its own.
    """

    tasks: tuple[str, ...]
    directions: Mapping[str, bool]
    scales: Mapping[str, Scale]
    validation_scales: Mapping[str, Scale]
    resplit: bool = False

    @classmethod
    def of(cls, records: Sequence[Record], over: Runs, *, resplit: bool = False) -> "GainRule":
        """For these runs, which all have the same tasks, and the runs of the baseline among them."""
        first, base = records[0], tuple(over.values())

        def of(*splits: str) -> dict[str, Scale]:
            return {task: task_scale(task, metric, records, base, splits) for task, metric in first.primary.items()}

        return cls(tuple(first.primary), first.directions, of("test", "val"), of("val"), resplit)

    def on_validation(self, runs: Runs, over: Runs, seeds: Sequence[int]) -> dict[str, float]:
        """Mean gains by task on the validation rows, on which choices are made and nothing is claimed."""
        return {
            task: float(
                gains(
                    np.array([runs[seed].val[task] for seed in seeds]),
                    np.array([over[seed].val[task] for seed in seeds]),
                    higher_is_better=self.directions[task],
                    scale=self.validation_scales[task],
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
        """Gains in what came of acting, whose instances are its rows; None where it is not known of all, or not alike.

        Where each seed has a split of its own, those of two seeds are not the same instances, nor as many, and what can
        be achieved, which a difference is divided by, is another.
        """
        found = [(runs[seed].kept().outcome, over[seed].kept().outcome) for seed in seeds]
        pairs = [(mine, base) for mine, base in found if mine is not None and base is not None]
        if not pairs or len(pairs) < len(found) or not alike(pairs):
            return None
        same = all(np.array_equal(mine.values, base.values) for mine, base in pairs)
        unseen = Unseen(1.0, 0) if same else None  # what is the same on these instances does not tell of others
        if self.resplit:
            return GainSample(gains_by_split(pairs), None, self._test_share(runs, seeds), unseen=unseen)
        first = pairs[0][0]
        groups = [np.arange(len(one.values)) if one.groups is None else one.groups for pair in pairs for one in pair]
        if any(not np.array_equal(one, groups[0]) for one in groups):
            return None
        scale = RELATIVE if first.scale is None else Scale(first.scale, "divided by a scale of the environment")
        rows = gains(
            np.stack([mine.values for mine, _ in pairs]),
            np.stack([base.values for _, base in pairs]),
            higher_is_better=first.higher_is_better,
            scale=scale,
        )
        by_seed = rows.mean(1)
        if first.groups is None:
            return GainSample(by_seed, rows, None, unseen=unseen)
        deviations, count = sum_groups(rows - by_seed[:, None], np.ones(rows.shape[1]), groups[0])
        return GainSample(by_seed, by_seed[:, None] + deviations, None, count, unseen)

    def _sample(self, runs: Runs, over: Runs, seeds: Sequence[int], tasks: Sequence[str]) -> GainSample:
        """Mean gains over these tasks."""
        by_seed = np.mean([self._gains(runs, over, seeds, task) for task in tasks], axis=0)
        records = [*(runs[seed] for seed in seeds), *(over[seed] for seed in seeds)]
        sizes = {task: self._unseen_size(runs, over, seeds, task) for task in tasks}
        alike = {task: size for task, size in sizes.items() if size is not None}
        if self.resplit:
            fewest = min((labelled_number(one, task) for one in records for task in alike), default=0.0)
            unseen = unseen_of(alike, tasks, fewest)
            return GainSample(by_seed, None, self._test_share(runs, seeds), unseen=unseen)
        groups, weights = row_groups(records), row_weights(records)
        found = []
        for task in tasks:
            by_row, labelled = self._row_deviations(runs, over, seeds, task)
            found.append(sum_groups(by_row, labelled * (1.0 if weights is None else weights), groups))
        deviations = np.mean([by_group for by_group, _ in found], axis=0)
        counts = {task: count for task, (_, count) in zip(tasks, found, strict=True)}
        unseen = unseen_of(alike, tasks, min((counts[task] for task in alike), default=0.0))
        # Of several tasks the one with fewest labels limits what is known
        return GainSample(by_seed, by_seed[:, None] + deviations, None, min(counts.values()), unseen)

    def _unseen_size(self, runs: Runs, over: Runs, seeds: Sequence[int], task: str) -> float | None:
        """What the gain of a task changes by where all rows differ of which none does in any run.

        Rows may be alike by chance where a metric takes few values: all are right, or all are wrong in the same way.
        Rows whose values differ from each other, as errors of numbers do, are alike where the predictions are the same.

        Args:
            runs: of the configuration.
            over: of the baseline.
            seeds: that both have.
            task: its name.

        Returns:
            The size; None where some row differs, where the predictions are the same, and where nothing is known.
        """
        pairs = [(runs[seed].kept().tasks[task], over[seed].kept().tasks[task]) for seed in seeds]
        worst = 1.0
        if not self._at_best([*(runs[seed] for seed in seeds), *(over[seed] for seed in seeds)], task):
            if any(runs[seed].test[task] != over[seed].test[task] for seed in seeds):
                return None
            if not all(np.array_equal(mine, base, equal_nan=True) for mine, base in pairs):
                return None
            labelled = [mine[np.isfinite(mine)] for mine, _ in pairs]
            if any(len(values) == 0 or len(np.unique(values)) > len(values) / 2 for values in labelled):
                return None
            worst = 1.0 if self.directions[task] else max(float(np.abs(values).max()) for values in labelled)
        divisor = self.scales[task].divisor
        if divisor is None:
            divisor = float(np.mean([over[seed].test[task] for seed in seeds]))
        return worst / divisor if divisor > 0 else None  # as the gain itself, which is unknown

    def _at_best(self, records: Sequence[Record], task: str) -> bool:
        """Whether all runs have the best value of a metric up to 1, such as an accuracy of 1: no row differs then."""
        return self.directions[task] and all(abs(one.test[task] - 1.0) <= ROUNDING for one in records)

    def _test_share(self, runs: Runs, seeds: Sequence[int]) -> float:
        """Test rows over training rows."""
        return float(np.mean([runs[seed].test_share for seed in seeds]))

    def _gains(self, runs: Runs, over: Runs, seeds: Sequence[int], task: str) -> np.ndarray:
        """Gains by seed, ``[n]``."""
        return gains(
            np.array([runs[seed].test[task] for seed in seeds]),
            np.array([over[seed].test[task] for seed in seeds]),
            higher_is_better=self.directions[task],
            scale=self.scales[task],
        )

    def _row_deviations(self, runs: Runs, over: Runs, seeds: Sequence[int], task: str) -> tuple[np.ndarray, np.ndarray]:
        """What each test row adds to or takes from a seed's gain, ``[n, m]``, and which have a label, ``[m]``.

        The mean over the rows is zero.

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
        return out, labelled


def unseen_of(sizes: Mapping[str, float], tasks: Sequence[str], rows: float) -> Unseen | None:
    """What rows may differ by although none of those that were seen does, in the mean over tasks.

    Args:
        sizes: by task none of whose rows differs, what its gain changes by where all do.
        tasks: all of them.
        rows: how many were seen, of the task that has fewest.

    Returns:
        It; None where some row of each task differs.
    """
    return Unseen(sum(sizes.values()) / len(tasks), rows) if sizes else None


def alike(pairs: Sequence[tuple[Outcome, Outcome]]) -> bool:
    """Whether outcomes are of one kind, and those of a pair on the same terms: a found run may have had others.

    Of as many instances, but others, nothing is said by a difference.
    """
    if any(mine.instances != base.instances for mine, base in pairs if mine.instances and base.instances):
        return False
    kinds = {(one.name, one.higher_is_better, one.scale is None) for pair in pairs for one in pair}
    scales = [[nan if one.scale is None else one.scale for one in pair] for pair in pairs]
    return len(kinds) == 1 and all(np.allclose(mine, base, rtol=1e-4, equal_nan=True) for mine, base in scales)


def gains_by_split(pairs: Sequence[tuple[Outcome, Outcome]]) -> np.ndarray:
    """Gains in what came of acting, of seeds that each have instances of their own.

    With the differences d of the seeds' means and the scales s of their environments, the gain is ``R = mean d / mean
    s``, and that of a seed ``R + (d - R s) / mean s``, linearised as in
    :func:`~mtl.comparison.statistics.gains.gains`; where all scales are equal that is ``d / s``.

    Args:
        pairs: by seed, the outcome of the configuration and of the baseline.

    Returns:
        ``[n]``.
    """
    mine, base = (np.array([pair[side].values.mean() for pair in pairs]) for side in (0, 1))
    better = pairs[0][0].higher_is_better
    scales = [pair[0].scale for pair in pairs]
    if any(scale is None for scale in scales):
        return gains(mine, base, higher_is_better=better, scale=RELATIVE)
    scale = np.array(scales, dtype=float)
    differences = mine - base if better else base - mine
    ratio = differences.mean() / scale.mean()
    return np.asarray(ratio + (differences - ratio * scale) / scale.mean())


def row_groups(records: Sequence[Record]) -> np.ndarray | None:
    """Which test rows belong together.

    Args:
        records: runs, one or more.

    Returns:
        Number of each test row's group, ``[m]``; None where rows are independent.

    Raises:
        InputError: the runs disagree.
    """
    first = records[0].kept().groups
    for one in records[1:]:
        other = one.kept().groups
        same = other is None if first is None else other is not None and np.array_equal(first, other)
        if not same:
            raise InputError(f"'{records[0].path}' and '{one.path}' group their test rows differently: train again")
    return first


def row_weights(records: Sequence[Record]) -> np.ndarray | None:
    """By how much each test row counts.

    Args:
        records: runs, one or more. Those of older versions do not say it.

    Returns:
        ``[m]``; None: all alike, or no run says it.

    Raises:
        InputError: the runs disagree.
    """
    known = [(one, weights) for one in records if (weights := one.kept().weights) is not None]
    for one, weights in known[1:]:
        if not np.array_equal(weights, known[0][1]):
            raise InputError(f"'{known[0][0].path}' and '{one.path}' weigh their test rows differently: train again")
    return known[0][1] if known else None


def sum_groups(deviations: np.ndarray, counts: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, float]:
    """What groups of rows contribute in place of rows, so that only what is independent counts as such.

    With m rows in G groups, group j gets ``g_j = (G / m) sum of d_r over its rows r``: the mean over the groups is that
    over the rows.

    Args:
        deviations: d, of the rows, ``[n, m]``.
        counts: by how much each row counts, ``[m]``; 0: it has no label.
        groups: number of each row's group, ``[m]``; None: every row is one of its own.

    Returns:
        ``[n, G]``, and how many groups there are, see :func:`~mtl.runs.contributions.effective_number`; those without
        a label are none.
    """
    number = count_groups(counts, groups)
    if groups is None:
        return deviations, number
    names, place = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(place, weights=one, minlength=len(names)) for one in deviations])
    return sums * (len(names) / len(groups)), number


def count_groups(counts: np.ndarray, groups: np.ndarray | None) -> float:
    """How many groups of rows there are, as :func:`sum_groups` says."""
    if groups is None:
        return effective_number(counts)
    return effective_number(np.bincount(np.unique(groups, return_inverse=True)[1], weights=counts))


def labelled_number(one: Record, task: str) -> float:
    """How many of a run's test rows, or groups of them, tell something of a task, as :func:`sum_groups` counts them."""
    kept = one.kept()
    labelled = np.isfinite(kept.tasks[task])
    return count_groups(labelled * (1.0 if kept.weights is None else kept.weights), kept.groups)


def stack_rows(runs: Runs, seeds: Sequence[int], task: str) -> np.ndarray:
    """What each test row contributes to the primary metric of a task, ``[n, m]``."""
    return np.stack([np.asarray(runs[seed].kept().tasks[task], dtype=float) for seed in seeds])


def task_scale(
    task: str, metric: str, records: Sequence[Record], baseline: Sequence[Record], splits: Sequence[str]
) -> Scale:
    """What gains of a task are divided by, as its values on these splits, ``test`` and ``val``, ask for."""
    values, base = ([getattr(one, split)[task] for split in splits for one in of] for of in (records, baseline))
    return scale_of(metric, values, base)
