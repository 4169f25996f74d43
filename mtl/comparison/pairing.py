"""Runs of two configurations, paired by seed, and the gains of one over the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mtl.comparison.records import Record
from mtl.comparison.statistics.gains import Scale, delta_m, gain, scale_of
from mtl.comparison.types import Rules

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
class PairedGains:
    """How gains are computed: one per seed that two configurations share, positive being better.

    Attributes:
        tasks: names, in order.
        directions: by task, whether a higher primary metric is better.
        scales: by task, what a difference is divided by.
    """

    tasks: tuple[str, ...]
    directions: Mapping[str, bool]
    scales: Mapping[str, Scale]

    @classmethod
    def of(cls, records: Sequence[Record], rules: Rules) -> "PairedGains":
        """For these runs, which all have the same tasks."""
        first = records[0]
        scales = {task: task_scale(task, metric, records, rules) for task, metric in first.primary.items()}
        return cls(tuple(first.primary), first.directions, scales)

    def on_task(self, runs: Runs, over: Runs, task: str, split: str = "test") -> list[float]:
        """Gains in the primary metric of a task."""
        return [
            gain(
                getattr(runs[seed], split)[task],
                getattr(over[seed], split)[task],
                higher_is_better=self.directions[task],
                scale=self.scales[task],
            )
            for seed in shared_seeds(runs, over)
        ]

    def on_all_tasks(self, runs: Runs, over: Runs, split: str = "test") -> list[float]:
        """Means of the gains over all tasks (delta_m)."""
        by_task = (self.on_task(runs, over, task, split) for task in self.tasks)
        return [delta_m(of_seed) for of_seed in zip(*by_task, strict=True)]


def task_scale(task: str, metric: str, records: Sequence[Record], rules: Rules) -> Scale:
    """What gains of a task are divided by."""
    if rules.scales and task in rules.scales:
        return Scale(float(rules.scales[task]), "divided by a scale that was set for this task")
    return scale_of(metric, [one.test[task] for one in records] + [one.val[task] for one in records])
