"""Results of runs that never ran, for tests of what is made of them."""

from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from mtl.config.compose import configure
from mtl.config.run_result import RunResult
from mtl.runs.contributions import FILE, Contributions, write_contributions
from mtl.runs.files import write_json
from mtl.runs.identity import run_id


def run_result(*overrides: str, **changes: Any) -> RunResult:
    """A result with one task ``a``, of a run with these overrides; ``changes`` replaces fields."""
    config = configure("task=synthetic", "model=hard", "weighting=equal", *overrides)
    metrics = {
        split: {"score": 1.0, "tasks": {"a": {"loss": 1.0, "r2": r2}}} for split, r2 in (("val", 0.4), ("test", 0.5))
    }
    fields: dict[str, Any] = {
        "run_id": run_id(config),
        "directory": "somewhere",
        "choices": config.choices.plain(),
        "seed": config.seed,
        "config": config.plain(),
        "data": {"fingerprint": "f", "rows": {"train": 7}},
        "selection": {
            "metric": "val/score",
            "mode": "min",
            "epoch": 0,
            "by_task": {},
            "still_improving": False,
            "budget_key": "epochs",
        },
        "tasks": {"a": {"primary": "r2", "higher_is_better": True}},
        "metrics": metrics,
        "parameters": {"total": 10, "shared": 10, "private": {}},
        "flops": 1,
        "seconds": {"data": 0.1, "fit": 2.0, "step": 0.1, "inference": 0.1},
        "steps": 1,
        "epochs": 1,
        "peak_memory_bytes": 5,
        "environment": {"python": "3"},
        "execution": {"gap": 0.1, "where": "text"},
    }
    return RunResult.read(fields | changes)


def write_result(directory: Path, result: RunResult) -> Path:
    """A run directory that holds this result, rows that all contribute the same, and nothing else."""
    directory.mkdir(parents=True)
    test = result.metrics["test"].tasks
    means = {name: test.get(name, {}).get(task.primary) for name, task in result.tasks.items()}
    rows = {
        name: np.full(result.data.rows.get("test", 2), nan if mean is None else mean) for name, mean in means.items()
    }
    write_contributions(directory / FILE, Contributions(rows, None))
    write_json(directory / "result.json", result.plain())
    return directory
