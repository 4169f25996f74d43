"""The numbers of a comparison as tables for machines."""

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from mtl.comparison.records import Problem
from mtl.comparison.report.data_facts import environment_of, notes_of
from mtl.comparison.tuned import tuned_values
from mtl.comparison.types import Comparison, Evidence, Measurement, Row
from mtl.comparison.verdict import Verdict

SCHEMA = 2


def results(comparison: Comparison) -> pd.DataFrame:
    """One line per run and task: configuration, seed, part, task, metric on validation and test, gain, cost, directory.

    ``part`` says what the run is for, see :func:`part_of`.
    """
    lines = []
    for row in comparison.all_rows:
        for one in row.records:
            for task in comparison.tasks:
                gain, delta = gains_of(row, one.seed, task)
                lines.append(
                    {
                        "suite": comparison.suite,
                        "configuration": row.label,
                        "model": row.model,
                        "weighting": row.weighting,
                        "seed": one.seed,
                        "part": part_of(row, one.seed),
                        "task": task,
                        "metric": comparison.primary[task],
                        "higher_is_better": comparison.directions[task],
                        "val": one.val[task],
                        "test": one.test[task],
                        "gain": gain,
                        "delta_m": delta,
                        "parameters": one.parameters,
                        "seconds": one.seconds,
                        "inference_seconds": one.inference,
                        "peak_memory_bytes": one.memory,
                        **{f"execution/{name}": value for name, value in one.execution.items()},
                        "run": str(one.path),
                    }
                )
    return pd.DataFrame(lines)


def part_of(row: Row, seed: int) -> str:
    """What a run of a configuration is for.

    Args:
        row: the configuration.
        seed: of the run.

    Returns:
        ``test``, one of those whose gains are given; else ``screening``, one on whose validation rows configurations
        are ranked; else ``unused``, such as one of a look after that which had an answer.
    """
    if row.tested is not None and seed in row.tested.seeds:
        return "test"
    return "screening" if seed in row.screened else "unused"


def gains_of(row: Row, seed: int, task: str) -> tuple[float, float]:
    """Gain on a task and on all of them by one seed of a configuration; NaN where it is none of those that decide."""
    if row.tested is None or seed not in row.tested.seeds:
        return nan, nan
    place = row.tested.seeds.index(seed)
    return row.tested.cells[task].evidence.gains[place], row.tested.delta.gains[place]


def summary(name: str, comparison: Comparison, verdict: Verdict, problems: Sequence[Problem]) -> dict[str, Any]:
    """Everything that a program may want to know of a comparison; see docs/result.md for what runs themselves say."""
    return {
        "schema": SCHEMA,
        "name": name,
        "suite": comparison.suite,
        "verdict": {
            "outcome": verdict.outcome,
            "headline": verdict.headline,
            "meaning": list(verdict.meaning),
            "cost": list(verdict.cost),
            "certainty": list(verdict.certainty),
            "best": comparison.best.label if comparison.best else None,
            "negative_transfer": [
                {"configuration": row.label, "task": task, "gain": evidence_summary(tested.cells[task].evidence)}
                for row, tested in comparison.tested_rows
                for label, task in verdict.negative_transfer
                if label == row.label
            ],
        },
        "rules": {"alpha": comparison.rules.alpha, "margin": comparison.rules.margin},
        "design": {**comparison.design.plain(), "hypotheses": comparison.hypotheses},
        "tasks": {
            task: {
                "metric": comparison.primary[task],
                "higher_is_better": comparison.directions[task],
                "gain": comparison.scales[task].reason,
                "gain_on_validation": comparison.validation_scales[task].reason,
            }
            for task in comparison.tasks
        },
        "auxiliary": {
            task: {"metric": facts.primary, "higher_is_better": facts.higher_is_better}
            for task, facts in comparison.auxiliary.items()
        },
        "baseline": comparison.baseline.label,
        "configurations": [row_summary(row, comparison) for row in comparison.all_rows],
        "against": {label: evidence_summary(one) for label, one in comparison.against.items()},
        "front": {"tasks": list(comparison.front_tasks), "cost": list(comparison.front_cost)},
        "problems": [{"path": one.path, "reason": one.reason} for one in problems],
        "notes": [{"note": note, "runs": runs} for note, runs in notes_of(comparison)],
        "environment": environment_of(comparison),
    }


def row_summary(row: Row, comparison: Comparison) -> dict[str, Any]:
    """One configuration."""
    return {
        "label": row.label,
        "model": row.model,
        "weighting": row.weighting,
        "validation": {
            "seeds": list(row.screened),
            "delta_m": row.delta_validation,
            "gains": dict(row.validation),
            "mean_rank": row.rank,
            "hypervolume_contribution": comparison.hypervolume[row.label],
        },
        "still_improving": row.still_improving,
        "test": None if row.tested is None else tested_summary(row.tested),
        "costs": {**row.costs, "inference_spread": list(row.inference_spread)},
        "execution": dict(row.execution),
        "auxiliary": {task: {"mean": mean, "sd": sd} for task, (mean, sd) in auxiliary_values(row).items()},
        "tuned": tuned_values(row, comparison),
        "runs": [str(one.path) for one in row.records],
    }


def tested_summary(tested: Measurement) -> dict[str, Any]:
    """What a configuration did on test."""
    return {
        "seeds": list(tested.seeds),
        "delta_m": evidence_summary(tested.delta),
        "looks": [
            {"seeds": look.seeds, "alpha": look.alpha, "interval": list(look.interval), "call": look.call}
            for look in tested.looks
        ],
        "outcome": None if tested.outcome is None else evidence_summary(tested.outcome),
        "tasks": {
            task: {
                "mean": cell.mean,
                "sd": cell.sd,
                "values": list(cell.values),
                "gain": evidence_summary(cell.evidence),
            }
            for task, cell in tested.cells.items()
        },
    }


def auxiliary_values(row: Row) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation on test of the auxiliary tasks of a configuration, by task.

    Over the runs that its gains are of; none where it was not measured on test.
    """
    records = row.tested.records if row.tested else ()
    found = {}
    for task in dict.fromkeys(name for one in records for name in one.auxiliary_test):
        values = [one.auxiliary_test.get(task, nan) for one in records]
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else nan
        found[task] = float(np.mean(values)), sd
    return found


def evidence_summary(one: Evidence) -> dict[str, Any]:
    """Gains and how sure they are."""
    return {
        "mean": one.mean,
        "standard_error": one.estimate.error,
        "variance": [{"variance": part.variance, "degrees_of_freedom": part.df} for part in one.estimate.parts],
        "alpha": one.alpha,
        "interval": list(one.interval),
        "call": one.call,
        "no_row_differs": one.no_row_differs,
        "by_seed": list(one.gains),
    }
