"""Real durations of computing jobs: how long will this one take?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mtl.suites.sources.catalogue import CHECK_TIMES, HPC
from mtl.suites.sources.pickled_frames import read_frame
from mtl.suites.table import Splitting, Targets
from mtl.suites.tables import Sampling, TablesSuite
from mtl.suites.tables.suite import concatenate


def jobs(
    seed: int = 0,
    sampling: Mapping[str, Any] | None = None,
    statistics: str | None = None,
    form: str = "flat",
    later: Mapping[str, Any] | None = None,
) -> TablesSuite:
    """Two tables, a task each: checks of software packages and jobs on a cluster.

    ``log_seconds`` of 13,626 checks is told from what the packages contain, and ``duration`` of 4,331 jobs (very fast,
    fast, moderate, long) from what was asked of the cluster and when.

    Args:
        seed: of the random split of each table into 70, 15 and 15 %.
        sampling: arguments of :class:`~mtl.suites.tables.Sampling`.
        statistics: see :class:`~mtl.suites.table.TableSuite`.
        form: see :class:`~mtl.suites.table.TableSuite`.
        later: files of rows that came after these; see :meth:`~mtl.suites.table.later_rows.LaterRows.of`.

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
        later=later,
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
