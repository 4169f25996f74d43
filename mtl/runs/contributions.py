"""What each row of the test split contributes to the metrics of a run, and each instance to the outcome of acting.

``contributions.npz`` is a NumPy archive of plain arrays, which runs no code when it is read::

    tasks                     names, in the order of every vector              [K] text
    means                     the primary metric of each on test               [K] float64
    deviations                contribution of each row minus the mean          [K, rows] float32; NaN: no label
    groups                    number of each row's group                       [rows] int64; [0]: rows are independent
    weights                   of each row; only where rows have weights        [rows] float64
    acted                     whether there is an outcome; only then the others are there
    outcome_name, outcome_higher_is_better, outcome_scale                      scale NaN: none
    outcome_values            of each instance                                 [instances] float64
    outcome_groups            number of each one's group; only where instances depend on each other  [instances] int64
    outcome_instances         a hash of what was acted on; only where the environment says it        text

Deviations are kept in single precision beside the means: so a contribution keeps seven digits of what is compared, even
where the metric is far larger than its differences.
"""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

import numpy as np

from mtl.errors import InputError
from mtl.runs.checksums import check, checked_path

FILE = "contributions.npz"  # in the directory of a run
OF_TASKS = ("tasks", "means", "deviations")
GROUPS = "groups"
WEIGHTS = "weights"
OF_OUTCOME = ("outcome_name", "outcome_higher_is_better", "outcome_scale", "outcome_values")
OUTCOME_GROUPS = "outcome_groups"
OUTCOME_INSTANCES = "outcome_instances"
# What NumPy and zipfile raise at a file that is not what was written; RuntimeError: it looks encrypted
DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Outcome:
    """What came of acting, row by row.

    Attributes:
        name: what was achieved, for people.
        higher_is_better: its direction.
        values: of each row or instance, ``[instances]`` float64; the outcome is their mean.
        scale: what a difference is divided by to become a gain; None: the outcome of the baseline.
        groups: number of each instance's group, ``[instances]`` int64: those of one group may depend on each other.
            None: no instance depends on another.
        instances: a hash of them: outcomes of two agents can be compared instance by instance where it is equal. Empty:
            the environment does not say it.
    """

    name: str
    higher_is_better: bool
    values: np.ndarray
    scale: float | None
    groups: np.ndarray | None = None
    instances: str = ""


@dataclass(frozen=True)
class Contributions:
    """What rows contribute: their mean is the metric, their variance divided by the rows estimates that of the metric.

    Attributes:
        tasks: by task, of the rows of the test split in its order, ``[rows]`` float64. NaN: the row has no label; of
            all rows: they do not define the metric, or how it depends on each. Without NaN the mean is the primary
            metric.
        outcome: of acting; None: the agent did not act, or the environment gives no outcome by instance.
        groups: number of each row's group, ``[rows]`` int64: rows of one group may depend on each other, those of two
            do not. None: no row depends on another.
        weights: by which the rows count in the metrics, ``[rows]`` float64; None: 1 each.
    """

    tasks: dict[str, np.ndarray]
    outcome: Outcome | None
    groups: np.ndarray | None = None
    weights: np.ndarray | None = None


def effective_number(sizes: np.ndarray) -> float:
    """How many parts of one size tell as much as parts of these, such as rows of unlike weights: (sum m)^2 / sum m^2.

    Source: Kish, "Survey Sampling", Wiley 1965. In 2,000 draws of 30 rows whose weights vary as exp(2 z), z being
    normal, Student's interval at 95 % of the weighted mean missed in .26 with as many degrees of freedom as there are
    rows, less one, and in .06 with this number in their place; of ten groups of normal rows whose sizes vary as
    exp(1.5 z), in .21 and .04.

    Args:
        sizes: m, 0 or more.

    Returns:
        The number, of sizes that are equal how many they are; 0 of none.
    """
    total = float(sizes.sum())
    return total**2 / float((sizes**2).sum()) if total > 0 else 0.0


def write_contributions(path: Path, c: Contributions) -> None:
    """Write the contributions, atomically.

    Args:
        path: of the file, which ends with ``.npz``.
        c: the contributions; those of the tasks are kept in single precision around their mean.
    """
    rows = len(next(iter(c.tasks.values()), ()))
    values = np.array(list(c.tasks.values()), dtype=np.float64).reshape(len(c.tasks), rows)
    labelled = ~np.isnan(values)
    count = labelled.sum(1)
    means = np.where(count > 0, np.where(labelled, values, 0.0).sum(1) / np.maximum(count, 1), nan)
    arrays = {
        "acted": np.array(c.outcome is not None),
        "tasks": np.array(list(c.tasks), dtype=np.str_),
        "means": means,
        "deviations": (values - means[:, None]).astype(np.float32),
        GROUPS: np.array([] if c.groups is None else c.groups, dtype=np.int64),
    }
    if c.weights is not None:
        arrays[WEIGHTS] = np.asarray(c.weights, dtype=np.float64)
    if c.outcome is not None:
        arrays |= {
            "outcome_name": np.array(c.outcome.name, dtype=np.str_),
            "outcome_higher_is_better": np.array(c.outcome.higher_is_better),
            "outcome_scale": np.array(nan if c.outcome.scale is None else c.outcome.scale),
            "outcome_values": np.asarray(c.outcome.values, dtype=np.float64),
        }
        if c.outcome.groups is not None:
            arrays[OUTCOME_GROUPS] = np.asarray(c.outcome.groups, dtype=np.int64)
        if c.outcome.instances:
            arrays[OUTCOME_INSTANCES] = np.array(c.outcome.instances, dtype=np.str_)
    with checked_path(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **arrays)


def read_contributions(path: Path, tasks: Sequence[str] | None = None, rows: int | None = None) -> Contributions:
    """The contributions that a file holds.

    Args:
        path: of the file, in the directory of its run.
        tasks: names that it has to be of, in their order; None: any.
        rows: of the test split, that it has to be of; None: any.

    Returns:
        The contributions.

    Raises:
        InputError: the file is missing, damaged, or of other tasks or rows.
    """
    if not path.is_file():
        raise InputError(f"run '{path.parent}' keeps no {path.name}: train it again")
    check(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = _parse({name: arrays[name] for name in arrays.files})
    except DAMAGED as error:
        raise InputError(f"'{path}' is damaged: {' '.join(str(error).split())[:200]}; train the run again") from None
    if tasks is not None and tuple(found.tasks) != tuple(tasks):
        raise InputError(f"'{path}' is of other tasks: {', '.join(found.tasks)}; expected {', '.join(tasks)}")
    if rows is not None and any(len(values) != rows for values in found.tasks.values()):
        raise InputError(f"'{path}' is of other rows than the run's {rows} test rows: train the run again")
    return found


def _parse(arrays: dict[str, np.ndarray]) -> Contributions:
    """What the arrays say. KeyError, TypeError or ValueError where they are not what was written."""
    acted = bool(arrays["acted"])
    if GROUPS not in arrays:  # intervals without them may be too narrow
        raise ValueError("it does not say which rows belong together, as older versions did not")
    optional = {WEIGHTS, *((OUTCOME_GROUPS, OUTCOME_INSTANCES) if acted else ())} & set(arrays)
    if set(arrays) != {"acted", *OF_TASKS, GROUPS, *(OF_OUTCOME if acted else ()), *optional}:
        raise ValueError(f"it holds the arrays {', '.join(sorted(arrays))}")
    names, means, deviations = (arrays[name] for name in OF_TASKS)
    if names.dtype.kind != "U" or means.dtype != np.float64 or deviations.dtype != np.float32:
        raise ValueError("arrays of other types")
    if names.ndim != 1 or means.shape != names.shape or deviations.ndim != 2 or len(deviations) != len(names):
        raise ValueError("arrays of other shapes")
    groups = arrays[GROUPS]
    if groups.dtype != np.int64 or groups.ndim != 1 or len(groups) not in (0, deviations.shape[1]):
        raise ValueError("groups of other rows")
    weights = arrays.get(WEIGHTS)
    if weights is not None and (weights.dtype != np.float64 or weights.shape != deviations.shape[1:]):
        raise ValueError("weights of other rows")
    values = means[:, None] + deviations
    tasks = dict(zip(names.tolist(), values, strict=True))
    if len(tasks) != len(names):
        raise ValueError("a task is there twice")
    return Contributions(tasks, _outcome(arrays) if acted else None, groups if len(groups) else None, weights)


def _outcome(arrays: dict[str, np.ndarray]) -> Outcome:
    values = arrays["outcome_values"]
    if values.ndim != 1 or values.dtype != np.float64:
        raise ValueError("outcome_values are no list of numbers")
    scale = float(arrays["outcome_scale"])
    better = bool(arrays["outcome_higher_is_better"])
    groups = arrays.get(OUTCOME_GROUPS)
    if groups is not None and (groups.dtype != np.int64 or groups.shape != values.shape):
        raise ValueError("outcome_groups of other instances")
    instances = str(arrays.get(OUTCOME_INSTANCES, ""))
    return Outcome(str(arrays["outcome_name"]), better, values, None if isnan(scale) else scale, groups, instances)
