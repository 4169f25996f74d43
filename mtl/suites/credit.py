"""Decision support: credit applications, with what came of them and how much was asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mtl.suites.sources.catalogue import CREDIT
from mtl.suites.sources.pickled_frames import read_frame
from mtl.suites.table import Splitting, TableSuite, Targets


def credit(
    seed: int = 0,
    statistics: str | None = None,
    form: str = "flat",
    numbers: str = "standard",
    later: Mapping[str, Any] | None = None,
) -> TableSuite:
    """4,454 real applications for credit; tasks ``default`` (28 % turned bad) and ``log_amount`` (log of the sum lent).

    The tasks together answer whether to lend: the expected profit is what the sum earns times the chance that it comes
    back, less what is lost otherwise.

    Args:
        seed: of the random split into 70, 15 and 15 % of the rows.
        statistics: file of what a run fitted, to be repeated; see :class:`~mtl.suites.table.TableSuite`.
        form: ``flat`` or ``columns``, of the inputs; see :class:`~mtl.suites.table.TableSuite`.
        numbers: ``standard``, ``quantile`` or ``robust``; see :class:`~mtl.suites.table.TableSuite`.
        later: files of rows that came after these; see :meth:`~mtl.suites.table.later_rows.LaterRows.of`.

    Returns:
        The suite.
    """
    targets: Targets = {
        "default": {"column": "Status", "kind": "binary", "positive": "bad"},
        "log_amount": "regression",
    }
    return TableSuite(
        applications,
        targets,
        splitting=Splitting(seed=seed),
        statistics=statistics,
        form=form,
        numbers=numbers,
        later=later,
    )


def applications() -> pd.DataFrame:
    """One row per application. The sum itself is replaced by its logarithm and so is no input."""
    frame = read_frame(CREDIT.read())
    return frame.assign(log_amount=np.log(frame["Amount"])).drop(columns=["rownames", "Amount"])
