"""Decision support, larger: records of the United States census of 1994."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pandas as pd

from mtl.suites.sources.catalogue import CENSUS
from mtl.suites.table import Splitting, TableSuite, Targets


def census(
    seed: int = 0,
    statistics: str | None = None,
    form: str = "flat",
    numbers: str = "standard",
    later: Mapping[str, Any] | None = None,
) -> TableSuite:
    """48,842 persons; tasks ``income`` (above 50,000 dollars a year), ``never_married`` and ``hours`` (a week).

    Income and never-married are the pair of Ma et al., "Modeling Task Relationships in Multi-task Learning with
    Multi-gate Mixture-of-Experts", KDD 2018, https://doi.org/10.1145/3219819.3220007, on another extract of the census.

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
        "income": {"column": "income", "kind": "binary", "positive": ">50K"},
        "never_married": "binary",
        "hours": {"column": "hours-per-week", "kind": "regression"},
    }
    return TableSuite(
        persons,
        targets,
        splitting=Splitting(seed=seed),
        statistics=statistics,
        form=form,
        numbers=numbers,
        later=later,
    )


def persons() -> pd.DataFrame:
    """One row per person.

    Left out: ``marital-status``, which is a target; ``relationship`` (husband, wife, own child ...), which as good as
    tells it; ``fnlwgt``, the weight of the record in the sample, which describes no person.
    """
    frame = pd.read_parquet(BytesIO(CENSUS.read()))
    never = frame["marital-status"] == "Never-married"
    left_out = ["marital-status", "relationship", "fnlwgt"]
    return frame.assign(never_married=never).drop(columns=left_out).replace("?", None)
