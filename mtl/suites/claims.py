"""Events that follow one another: care in a year, an admission that needs it, and what the care costs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mtl.suites.sources.catalogue import RAND_HIE
from mtl.suites.sources.pickled_frames import read_frame
from mtl.suites.table import Splitting, TableSuite, Targets

HEALTH = {"hlthg": "good", "hlthf": "fair", "hlthp": "poor"}  # as a person says it; otherwise excellent
INPUTS = (
    "plan",
    "site",
    "year",
    "coins",
    "tookphys",
    "income",
    "xage",
    "female",
    "educdec",
    "num",
    "mhi",
    "disea",
    "physlm",
    "ghindx",
    "mdeoff",
    "pioff",
)


def claims(
    seed: int = 0,
    statistics: str | None = None,
    form: str = "flat",
    numbers: str = "standard",
    conditional: bool = False,
    later: Mapping[str, Any] | None = None,
) -> TableSuite:
    """20,190 years of insured persons; tasks ``care``, ``admission`` and ``log_cost``.

    They have the shape of a click, a purchase that needs the click, and a value known after the click alone: whether a
    person seeks any care in the year (78 %), is admitted to a hospital (9 %), and the logarithm of what the care costs,
    which has a label only where there is care.

    Args:
        seed: of the random split into 70, 15 and 15 % of the rows; families stay together.
        statistics: file of what a run fitted, to be repeated; see :class:`~mtl.suites.table.TableSuite`.
        form: ``flat`` or ``columns``, of the inputs; see :class:`~mtl.suites.table.TableSuite`.
        numbers: ``standard``, ``quantile`` or ``robust``; see :class:`~mtl.suites.table.TableSuite`.
        conditional: predict the admission as the chance of care times that of an admission given care
            (:func:`mtl.tasks.conditional`).
        later: files of rows that came after these; see :meth:`~mtl.suites.table.later_rows.LaterRows.of`.

    Returns:
        The suite.
    """
    targets: Targets = {
        "care": "binary",
        "admission": {"kind": "binary", "given": "care"} if conditional else "binary",
        "log_cost": "regression",
    }
    columns = {"plan": "category", "site": "category", "family": "ignore"}
    splitting = Splitting(by="group", column="family", seed=seed)
    return TableSuite(
        years, targets, columns, splitting, statistics=statistics, form=form, numbers=numbers, later=later
    )


def years() -> pd.DataFrame:
    """One row per person and year.

    Left out: everything that the year brings (visits, sums by kind of care, the time insured), what repeats another
    column, and the colour of the skin. A family is who has the same plan, site and income.
    """
    frame = read_frame(RAND_HIE.read())
    health = pd.Series("excellent", frame.index)
    for column, word in HEALTH.items():
        health = health.mask(frame[column] == 1, word)
    admitted = frame["totadm"] > 0
    family = frame[["plan", "site", "income"]].astype(str).agg("-".join, axis=1)
    return frame[list(INPUTS)].assign(
        health=health,
        family=family,
        care=(frame["binexp"] == 1) | admitted,
        admission=admitted,
        log_cost=frame["lnmeddol"],
    )
