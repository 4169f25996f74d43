"""Real durations of computing jobs: how long will this one take?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mtl.suites.base import Predict
from mtl.suites.sources.catalogue import CHECK_TIMES, HPC
from mtl.suites.sources.pickled_frames import read_frame
from mtl.suites.table import Splitting, Targets
from mtl.suites.tables import Sampling, TablesSuite
from mtl.suites.tables.suite import concatenate


def jobs(
    seed: int = 0, sampling: Mapping[str, Any] | None = None, statistics: str | None = None, form: str = "flat"
) -> TablesSuite:
    """Two tables, a task each: ``log_seconds`` of checks of software packages, ``duration`` of jobs on a cluster.

    13,626 checks, from what the packages contain; 4,331 jobs (very fast, fast, moderate, long), from what was asked of
    the cluster and when.

    Args:
        seed: of the random split of each table into 70, 15 and 15 %.
        sampling: arguments of :class:`~mtl.suites.tables.Sampling`.
        statistics: file of what a run fitted, to be repeated; see :class:`~mtl.suites.table.TableSuite`.
        form: ``flat`` or ``columns``, of the inputs; see :class:`~mtl.suites.table.TableSuite`.

    Returns:
        The suite.
    """
    targets: dict[str, Targets] = {
        "checks": {"log_seconds": "regression"},
        "cluster": {"duration": {"column": "class", "kind": "classes"}},
    }
    return TablesSuite(
        lambda: concatenate({"checks": checks(), "cluster": cluster()}, targets)[0],
        {**targets["checks"], **targets["cluster"]},
        splitting=Splitting(seed=seed),
        sampling=Sampling(**dict(sampling or {})),
        statistics=statistics,
        form=form,
    )


def checks() -> pd.DataFrame:
    """One row per package: counts and sizes of its parts, and the logarithm of the seconds that checking it took.

    Left out: its name, and ``status``, which is known only after the check. The logarithm of a size is what matters.
    """
    frame = read_frame(CHECK_TIMES.read())
    seconds = frame.pop("check_time")
    parts = np.log1p(frame.drop(columns=["rownames", "package", "status"]))
    return parts.assign(log_seconds=np.log(seconds))


def cluster() -> pd.DataFrame:
    """One row per job: protocol, amounts asked for, jobs waiting, hour and day of submission, and its class."""
    frame = read_frame(HPC.read()).drop(columns="rownames")
    amounts = ["compounds", "input_fields", "iterations", "num_pending"]
    return frame.assign(**np.log1p(frame[amounts]))


def durations(suite: TablesSuite, predict: Predict, split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Seconds that the checks of a split were estimated to take, and took: ``([N], [N])``.

    A scheduler may plan with the first and be measured on the second.

    Args:
        suite: its rows loaded.
        predict: a trained network, inputs to raw predictions by task.
        split: whose rows.

    Returns:
        The estimated and the true seconds.
    """
    rows = suite.splits[split]
    task = next(task for task in suite.tasks if task.name == "log_seconds")
    true = rows.targets["log_seconds"]
    known = ~true.isnan()
    estimated = task.decode(predict(rows.inputs)["log_seconds"])
    return np.exp(estimated[known].numpy()), np.exp(true[known].numpy())
