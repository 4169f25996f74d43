"""Test rows that are copies of rows that a network learns from."""

import numpy as np
import pandas as pd

from mtl.suites.table.leaks import FEWEST
from mtl.suites.table.splitting import Rows

COPIES = 0.1  # of the test rows, from which on copies of training rows are worth a line


def notes_on_copies(frame: pd.DataFrame, rows: Rows) -> list[str]:
    """A note if many test rows stand among the training rows, too, so that they test nothing new.

    The note says how many, see :func:`copied`.
    """
    copies = copied(frame, rows["test"], rows["train"])
    if not copies:
        return []
    return [
        f"{copies} of {len(rows['test'])} test rows are copies of training rows in all columns that are not left out: "
        "if such rows are one case, leave the copies out, or keep them together by task.split.by=group"
    ]


def copied(frame: pd.DataFrame, these: np.ndarray, others: np.ndarray) -> int:
    """How many of these rows are copies of others in all columns; 0 where they are too few to be worth a line.

    In a table of few different values rows are alike by chance, which is no such case: of different rows, half have to
    differ in one column.

    Args:
        frame: all rows.
        these: numbers of rows.
        others: numbers of other ones.

    Returns:
        The number.
    """
    seen = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    copies = int(np.isin(seen[these], seen[others]).sum())
    if copies < max(FEWEST, COPIES * len(these)):
        return 0
    different = frame[~pd.Series(seen, index=frame.index).duplicated()]
    if len(different) < FEWEST or different.astype("str").nunique().max() < len(different) / 2:
        return 0
    return copies
