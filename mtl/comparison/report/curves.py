"""What a run logged on its way, and its mean over seeds."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

Logged = dict[str, dict[int, float]]  # by tag: value by step


@dataclass(frozen=True)
class Curve:
    """A logged quantity over the seeds of one configuration, at the steps that all of them have.

    Attributes:
        steps: ``[S]``.
        mean, low, high: over seeds, ``[S]``; low and high are the extremes.
    """

    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def logged(run: Path) -> Logged:
    """All that a run wrote to its CSV files; of a step logged twice, before and after a resume, the later counts."""
    out: Logged = {}
    files = sorted(run.glob("csv*/metrics.csv"), key=lambda file: (len(file.parent.name), file.parent.name))
    for file in files:
        with file.open(encoding="utf-8", errors="replace", newline="") as lines:
            for row in csv.DictReader(lines):
                step = row.get("step") or ""
                if not step.isdigit():  # the last line of a run that was killed may be cut short
                    continue
                for tag, text in row.items():
                    value = number(text)
                    if tag not in (None, "step", "epoch") and value is not None:
                        out.setdefault(tag, {})[int(step)] = value
    return out


def number(text: object) -> float | None:
    """A finite number; None for anything else."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if isfinite(value) else None


def curve(runs: Sequence[Logged], tag: str) -> Curve | None:
    """One tag over runs; None when they have no step in common."""
    found = [run[tag] for run in runs if tag in run]
    if not found:
        return None
    steps = sorted(set.intersection(*map(set, found)))
    if not steps:
        return None
    values = np.array([[one[step] for step in steps] for one in found])  # [seeds, S]
    return Curve(np.array(steps), values.mean(0), values.min(0), values.max(0))


def mean_of(runs: Sequence[Logged], tag: str) -> float | None:
    """Mean of a tag over all steps and runs."""
    values = [value for run in runs for value in run.get(tag, {}).values()]
    return float(np.mean(values)) if values else None
