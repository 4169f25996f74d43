"""Applies the design of a comparison to its runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite, nan

import numpy as np

from mtl.comparison.baseline import choose_baseline
from mtl.comparison.design import CONFIRM, UNPLANNED, Design
from mtl.comparison.evidence import evidence_of, look_at_mean, measure_configuration, no_claim
from mtl.comparison.gain_samples import GainRule, Runs, any_run, by_configuration, shared_seeds
from mtl.comparison.records import Record
from mtl.comparison.statistics.looks import Look
from mtl.comparison.statistics.pareto import front, hypervolume_contributions
from mtl.comparison.statistics.ranks import mean_ranks
from mtl.comparison.types import COSTS, UNCLEAR, Comparison, Evidence, Measurement, Row, Rules
from mtl.config.study import APART, BASELINE
from mtl.errors import InputError

BUDGET = ("epochs", "steps", "patience")  # keys of a config that end its training


@dataclass(frozen=True)
class Judge:
    """Applies a design to runs.

    Attributes:
        runs: by configuration id and seed.
        design: with its baseline.
        rules: when a difference counts.
        gain: how gains are computed.
        multi: configuration ids of those that learn tasks together.
        further: of the baselines beside the one that gains are over.
    """

    runs: Mapping[str, Runs]
    design: Design
    rules: Rules
    gain: GainRule
    multi: tuple[str, ...]
    further: tuple[str, ...]

    @classmethod
    def of(cls, records: Sequence[Record], rules: Rules, design: Design | None) -> "Judge":
        """Of records of one question. InputError if there is no baseline."""
        runs = by_configuration(records)
        if design is None:
            design = Design.unplanned(sorted({one.seed for one in records}))
        if design.baseline is None:
            design = replace(design, baseline=choose_baseline(runs))
        if design.baseline not in runs:
            raise InputError(f"no run of the baseline ({BASELINE}) has finished")
        base = runs[design.baseline]
        usable = [key for key in runs if key != design.baseline and shared_seeds(runs[key], base)]
        single = [key for key in usable if any_run(runs[key]).model in APART]
        multi = [key for key in usable if key not in single]
        gain = GainRule.of(records, base, resplit=design.resplit)
        return cls(runs, design, rules, gain, tuple(multi), tuple(single))

    @property
    def base(self) -> Runs:
        """Runs of the baseline."""
        assert self.design.baseline is not None
        return self.runs[self.design.baseline]

    @property
    def tested(self) -> tuple[str, ...]:
        """Configurations that are measured on test: the chosen one, or all."""
        if self.design.kind != CONFIRM:
            return self.multi
        return tuple(key for key in self.multi if key == self.design.chosen)

    @cached_property
    def hypotheses(self) -> int:
        """What is tested of each configuration beside delta_m: tasks, acting, and the baselines beside the first.

        Of one task delta_m is the gain, which is tested once. Acting is tested where runs of the baseline acted: of
        those that did not, a configuration may have no seed.
        """
        acted = any(one.kept().outcome is not None for one in self.base.values())
        tasks = len(self.gain.tasks) if len(self.gain.tasks) > 1 else 0
        return tasks + int(acted) + len(self.design.further or self.further)

    @property
    def unpaired(self) -> tuple[str, ...]:
        """Configurations that have runs, but none on a seed of the baseline."""
        return tuple(key for key in self.runs if key not in (self.design.baseline, *self.multi, *self.further))

    def deciding_seeds(self, key: str, over: Runs | None = None) -> list[int]:
        """The seeds of the design that a configuration and a baseline have: from its beginning, without a gap."""
        base = self.base if over is None else over
        found = []
        for seed in self.design.seeds:
            if seed not in self.runs[key] or seed not in base:
                if self.design.kind == CONFIRM:
                    break
                continue
            found.append(seed)
        return found

    def looks(self, key: str) -> list[Look]:
        """The looks at delta_m of a configuration."""
        alphas = self.design.mean_alphas(self.rules.alpha, len(self.tested))
        seeds = self.deciding_seeds(key)
        planned = self.design.looks if self.design.kind != UNPLANNED else (len(seeds),)
        return look_at_mean(self.runs[key], self.base, seeds, planned, alphas, self.gain, self.rules)

    def other_alpha(self, looks: Sequence[Look]) -> float:
        """What one task, one further baseline, or acting may spend at the last of these looks."""
        alphas = self.design.other_alphas(self.rules.alpha, len(self.tested), self.hypotheses)
        return alphas[len(looks) - 1] if looks else nan

    def test(self, key: str) -> Measurement:
        """What a configuration did on test."""
        looks = self.looks(key)
        alpha = self.other_alpha(looks)
        found = measure_configuration(
            self.runs[key], self.base, looks, self.deciding_seeds(key), alpha, self.gain, self.rules
        )
        return without_marks(found) if self.still_improving(key) else found

    def still_improving(self, key: str) -> bool:
        """Whether at least half the runs of a configuration, or of the baseline, were ended at their best epoch."""
        return any(half_improving(tuple(runs.values())) for runs in (self.runs[key], self.base))

    def ended_alike(self, best: str, key: str) -> bool:
        """Whether the budget of the best configuration has ended runs of a further baseline that still improved.

        Where a baseline has a budget of its own, as one of the same seconds, that is what is asked.
        """
        budgets = [[any_run(self.runs[one]).config.get(name) for name in BUDGET] for one in (best, key)]
        return budgets[0] == budgets[1] and half_improving(tuple(self.runs[key].values()))

    def screening_seeds(self, key: str) -> list[int]:
        """Seeds on whose validation rows a configuration is ranked: all configurations by the same, if they can be."""
        shared = shared_seeds(self.runs[key], self.base)
        return [seed for seed in shared if seed in self.design.screening] or shared

    def validation(self, key: str) -> dict[str, float]:
        """Mean gains of a configuration on validation, by task."""
        return self.gain.on_validation(self.runs[key], self.base, self.screening_seeds(key))

    @property
    def stopped(self) -> frozenset[str]:
        """Configurations that screening let go of on its way, whose gains are those of the first seed alone."""
        return frozenset(one.configuration for one in self.design.stopped)

    def best(self) -> str | None:
        """The configuration that was chosen, or the multi-task one with the highest mean gain on validation so far.

        None where none was measured there. What screening has stopped is none of them.
        """
        if self.design.chosen is not None:
            return self.design.chosen if self.design.chosen in self.multi else None
        asked = [key for key in self.multi if key not in self.stopped]
        means = {key: float(np.mean(list(self.validation(key).values()))) for key in asked}
        measured = [key for key in asked if isfinite(means[key])]
        return max(measured, key=lambda key: means[key], default=None)

    def comparison(self, labels: Mapping[str, str]) -> Comparison:
        """Everything a report shows.

        Args:
            labels: by configuration id.

        Returns:
            The comparison.
        """
        assert self.design.baseline is not None
        order = [self.design.baseline, *self.multi, *self.further]
        by_task = {key: self.validation(key) for key in order}
        ranked = [key for key in order if key not in self.stopped]
        points = np.array([list(by_task[key].values()) for key in ranked])  # [C, K]
        ranks = dict(zip(ranked, mean_ranks(points.T), strict=True))
        rows = {key: self.row(key, labels[key], by_task[key], ranks.get(key, nan)) for key in order}
        best = self.best()
        cost_points = [[rows[key].delta_validation, -rows[key].costs["seconds"]] for key in ranked]
        names = [labels[key] for key in ranked]
        unique = dict(zip(names, hypervolume_contributions(points), strict=True))
        one = any_run(self.base)
        return Comparison(
            suite=one.suite,
            tasks=self.gain.tasks,
            primary=one.primary,
            directions=one.directions,
            scales=dict(self.gain.scales),
            validation_scales=dict(self.gain.validation_scales),
            rules=self.rules,
            design=self.design,
            baseline=rows[self.design.baseline],
            rows=tuple(rows[key] for key in order[1:]),
            best=rows[best] if best else None,
            against=self.against(best, labels) if best else {},
            hypotheses=self.hypotheses,
            unpaired=tuple(labels[key] for key in self.unpaired),
            front_tasks=tuple(name for name, on in zip(names, front(points), strict=True) if on),
            front_cost=tuple(name for name, on in zip(names, front(cost_points), strict=True) if on),
            hypervolume={label: unique.get(label, nan) for label in (labels[key] for key in order)},
            auxiliary={
                task: facts
                for key in order
                for record in self.runs[key].values()
                for task, facts in record.auxiliary.items()
            },
        )

    def row(self, key: str, label: str, validation: dict[str, float], rank: float) -> Row:
        """One configuration."""
        runs = tuple(self.runs[key].values())
        inference = [one.inference for one in runs]
        return Row(
            key=key,
            label=label,
            model=runs[0].model,
            weighting=runs[0].weighting,
            validation=validation,
            delta_validation=float(np.mean(list(validation.values()))),
            screened=tuple(self.screening_seeds(key)),
            rank=rank,
            costs={cost: float(np.median([getattr(one, cost) for one in runs])) for cost in COSTS},
            inference_spread=(min(inference), max(inference)),
            execution=mean_execution(runs),
            still_improving=half_improving(runs),
            records=runs,
            tested=self.tested_row(key),
        )

    def tested_row(self, key: str) -> Measurement | None:
        """What a configuration did on test; of a baseline nothing is claimed.

        None: it was screened only, or none of the runs that decide has finished.
        """
        if key in self.tested:
            return self.test(key) if self.deciding_seeds(key) else None
        if key in self.multi:
            return None
        seeds = self.deciding_seeds(key)
        if key == self.design.baseline and self.design.kind == CONFIRM and self.tested:
            looks = self.looks(self.tested[0])
            seeds = seeds[: looks[-1].seeds] if looks else seeds
        return (
            measure_configuration(self.runs[key], self.base, (), seeds, nan, self.gain, self.rules) if seeds else None
        )

    def against(self, best: str, labels: Mapping[str, str]) -> dict[str, Evidence]:
        """By label of each further baseline: mean gains over tasks of the best configuration over that one."""
        if best not in self.tested:
            return {}
        looks = self.looks(best)
        found = {}
        for key in self.further:
            seeds = self.deciding_seeds(best, self.runs[key])
            seeds = seeds[: looks[-1].seeds] if looks else seeds
            if seeds:
                sample = self.gain.on_all_tasks(self.runs[best], self.runs[key], seeds)
                enough = looks and len(seeds) == looks[-1].seeds and not self.still_improving(best)
                enough = enough and not self.ended_alike(best, key)
                found[labels[key]] = (
                    evidence_of(sample, self.other_alpha(looks), self.rules) if enough else no_claim(sample)
                )
        return found


def without_marks(found: Measurement) -> Measurement:
    """The same numbers, of which nothing is claimed."""

    def unmarked(one: Evidence) -> Evidence:
        return replace(one, call=UNCLEAR)

    return replace(
        found,
        cells={task: replace(cell, evidence=unmarked(cell.evidence)) for task, cell in found.cells.items()},
        delta=unmarked(found.delta),
        outcome=None if found.outcome is None else unmarked(found.outcome),
    )


def half_improving(records: Sequence[Record]) -> bool:
    """Whether at least half of some runs were ended by their budget at their best epoch."""
    return sum(one.still_improving for one in records) * 2 >= len(records)


def mean_execution(records: Sequence[Record]) -> dict[str, float]:
    """Mean over runs of every number that all of them have."""
    names = [name for name in records[0].execution if all(name in one.execution for one in records)]
    return {name: float(np.mean([one.execution[name] for one in records])) for name in names}
