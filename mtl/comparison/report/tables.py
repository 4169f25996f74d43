"""The numbers of a comparison as tables for machines."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mtl.comparison.records import Problem
from mtl.comparison.statistics.paired import smallest_p
from mtl.comparison.types import Comparison, Evidence, Row
from mtl.comparison.verdict import Verdict

SCHEMA = 1


def results(comparison: Comparison) -> pd.DataFrame:
    """One line per run and task: configuration, seed, task, metric on validation and test, gain, cost, directory."""
    lines = []
    for row in comparison.all_rows:
        for place, (seed, one) in enumerate(zip(row.seeds, row.records, strict=True)):
            for task in comparison.tasks:
                lines.append(
                    {
                        "suite": comparison.suite,
                        "configuration": row.label,
                        "model": row.model,
                        "weighting": row.weighting,
                        "seed": seed,
                        "task": task,
                        "metric": comparison.primary[task],
                        "higher_is_better": comparison.directions[task],
                        "val": one.val[task],
                        "test": one.test[task],
                        "gain": row.cells[task].evidence.gains[place],
                        "delta_m": row.delta.gains[place],
                        "parameters": one.parameters,
                        "seconds": one.seconds,
                        "inference_seconds": one.inference,
                        "peak_memory_bytes": one.memory,
                        **{f"execution/{name}": value for name, value in one.execution.items()},
                        "run": str(one.path),
                    }
                )
    return pd.DataFrame(lines)


def summary(name: str, comparison: Comparison, verdict: Verdict, problems: Sequence[Problem]) -> dict[str, Any]:
    """Everything that a program may want to know of a comparison; see docs/result.md for what runs themselves say."""
    return {
        "schema": SCHEMA,
        "name": name,
        "suite": comparison.suite,
        "verdict": {
            "outcome": verdict.outcome,
            "headline": verdict.headline,
            "sentences": list(verdict.sentences),
            "best": comparison.best.label if comparison.best else None,
            "negative_transfer": [
                {"configuration": row.label, "task": task, "gain": evidence_summary(row.cells[task].evidence)}
                for row in comparison.rows
                for label, task in verdict.negative_transfer
                if label == row.label
            ],
        },
        "rules": {"alpha": comparison.rules.alpha, "margin": comparison.rules.margin},
        "tasks": {
            task: {
                "metric": comparison.primary[task],
                "higher_is_better": comparison.directions[task],
                "gain": comparison.scales[task].reason,
            }
            for task in comparison.tasks
        },
        "baseline": comparison.baseline.label,
        "configurations": [row_summary(row, comparison) for row in comparison.all_rows],
        "against": {label: evidence_summary(one) for label, one in comparison.against.items()},
        "front": {"tasks": list(comparison.front_tasks), "cost": list(comparison.front_cost)},
        "ranking": {"p": comparison.ranking.p, "critical_difference": comparison.ranking.critical_difference},
        "problems": [{"path": one.path, "reason": one.reason} for one in problems],
        "environment": comparison.baseline.records[0].environment,
    }


def row_summary(row: Row, comparison: Comparison) -> dict[str, Any]:
    """One configuration."""
    return {
        "label": row.label,
        "model": row.model,
        "weighting": row.weighting,
        "seeds": list(row.seeds),
        "smallest_p": smallest_p(len(row.seeds)),
        "delta_m": evidence_summary(row.delta),
        "delta_m_validation": row.validation,
        "mean_rank": row.rank,
        "hypervolume_contribution": comparison.hypervolume[row.label],
        "tasks": {
            task: {
                "mean": cell.mean,
                "sd": cell.sd,
                "interval": list(cell.interval),
                "values": list(cell.values),
                "gain": evidence_summary(cell.evidence),
            }
            for task, cell in row.cells.items()
        },
        "costs": row.costs,
        "execution": row.execution,
        "runs": [str(one.path) for one in row.records],
    }


def evidence_summary(one: Evidence) -> dict[str, Any]:
    """Gains and how sure they are."""
    return {
        "mean": one.mean,
        "sd": one.test.sd,
        "interval": list(one.interval),
        "p_t": one.test.p,
        "p_sign_flip": one.test.p_exact,
        "p_holm": one.p,
        "effect": one.test.effect,
        "call": one.call,
        "by_seed": list(one.gains),
    }
