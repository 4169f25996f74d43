"""Groups of rows that depend on each other and are in two parts of a table, so that a network has learned from some."""

from collections.abc import Mapping, Sequence

import numpy as np

SAYS = {"test": "the test says nothing of new groups", "val": "the epoch is chosen on groups that it has learned from"}


def divided_groups(
    groups: np.ndarray | None,
    rows: Mapping[str, np.ndarray],
    column: str | None,
    remedy: str,
    parts: Sequence[str] = tuple(SAYS),
) -> list[str]:
    """A note if groups of the test rows, or else of the validation rows, have training rows, too.

    Args:
        groups: number of each row's group, ``[N]``; None: rows do not depend on each other.
        rows: row numbers by split.
        column: which says the groups.
        remedy: what to do about it.
        parts: that are looked at.

    Returns:
        The note, if there is one.
    """
    if groups is None:
        return []
    for part in parts:
        found = np.unique(groups[rows[part]])
        both = int(np.isin(found, groups[rows["train"]]).sum())
        if both:
            return [
                f"{both} of {len(found)} groups of '{column}' that have {part} rows have training rows, too, so that "
                f"{SAYS[part]}; {remedy}"
            ]
    return []
