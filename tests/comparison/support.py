"""Records of runs that never were, as tests of comparisons need them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mtl.comparison.records import Record
from mtl.runs.contributions import Contributions, Outcome

METRICS = {"r2": True, "accuracy": True, "mae": False}  # whether higher is better


def make_record(
    model: str = "hard",
    weighting: str = "equal",
    seed: int = 0,
    *,
    primary: Mapping[str, str] | None = None,
    test: Mapping[str, float] | None = None,
    rows: Mapping[str, np.ndarray] | None = None,
    outcome: Outcome | None = None,
    **changes: Any,
) -> Record:
    """A record.

    Args:
        model: its choice.
        weighting: its choice.
        seed: its seed.
        primary: by task, one of :data:`METRICS`.
        test: by task, the primary metric; on validation it is the same.
        rows: by task, what each test row contributes; by default two rows that contribute the same.
        outcome: what came of acting.
        **changes: other fields.
    """
    name, primary = f"{model}-{weighting}", dict(primary or {})
    tested = dict(test or {})
    by_row = {task: np.full(2, value) for task, value in tested.items()} if rows is None else dict(rows)
    one = Record(
        path=Path(f"runs/{name}/{seed}"),
        configuration=name,
        suite="suite",
        fingerprint="f",
        model=model,
        weighting=weighting,
        seed=seed,
        directions={task: METRICS[metric] for task, metric in primary.items()},
        primary=primary,
        val=dict(test or {}),
        test=dict(test or {}),
        score=1.0,
        parameters=1000,
        seconds=10.0,
        inference=0.01,
        memory=1e8,
        execution={},
        config={"model": {"_target_": model}, "weighting": {"_target_": weighting}, "epochs": 3, "seed": seed},
        environment={},
        kept=lambda: Contributions(by_row, outcome),
        rows={"train": 100, "val": 20, "test": 20},
    )
    return replace(one, **changes)
