"""Rows and numbers that may be none: a row of totals at the end, numbers such as -999 that mean "no value"."""

import json
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from mtl.suites.table.types import is_text

TOTAL = re.compile(
    r"(grand |sub-?)?totals?|(the )?sums?|totaux|summe|gesamt(summe)?|insgesamt|totale|"
    r"合计|总计|总和|小计|合計"
)
FEWEST = 20  # rows, among which such a number is more than chance
NINES = re.compile(r"-99+|999+")  # as -99, -999, 9999
FAR = (1, 2)  # ranges of all others that a negative number, and a positive one, is beyond them


def total_row(frame: pd.DataFrame) -> list[str]:
    """A note if a text of the last row, found in no other row of its column, says that the row sums up the others."""
    if len(frame) < 2:
        return []
    for name in frame.columns:
        values = frame[name]
        text = values.iloc[-1]
        if not isinstance(text, str) or not TOTAL.fullmatch(text.strip().rstrip(":").casefold()):
            continue
        if (values == text).sum() == 1:
            return [
                f"the last row has '{text}' in column '{name}': if it sums up other rows, remove it from the file, "
                "where it counts as a row like any other"
            ]
    return []


def no_value(values: pd.Series) -> float | None:
    """A number of nines that occurs more than once, and far from all others of its column; None: there is none.

    A negative one where no other number is below 0 is far enough.

    Args:
        values: a column of numbers.

    Returns:
        The number.
    """
    if not is_numeric_dtype(values) or is_bool_dtype(values):
        return None
    known = np.sort(values.dropna().to_numpy(dtype=np.float64))
    if len(known) < FEWEST or not np.isfinite(known[[0, -1]]).all():
        return None
    low, high = known[0], known[-1]
    for value, others, far in ((low, known[known > low], FAR[0]), (high, known[known < high], FAR[1])):
        if not 0 < len(others) <= len(known) - 2 or value % 1 or not NINES.fullmatch(f"{value:.0f}"):
            continue
        below_zero = value < 0 and others[0] >= 0
        if (value < 0) == (far == FAR[0]) and (below_zero or np.abs(others - value).min() > far * np.ptp(others) > 0):
            return float(value)
    return None


def no_values(written: pd.DataFrame, frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Notes of the columns in which :func:`no_value` finds one.

    Args:
        written: the cells as they stand in the file.
        frame: the same rows, their cells as what they are.
        names: of the columns.

    Returns:
        A line for each such column.
    """
    notes = []
    for name in names:
        value = no_value(frame[name])
        if value is None:
            continue
        same = (frame[name] == value).fillna(False).astype(bool)
        texts = written[name][same].unique().tolist() if is_text(written[name]) else []
        remedy = (
            f"say 'task.missing={json.dumps(texts)}', which is for all columns" if texts else "leave these cells empty"
        )
        notes.append(
            f"column '{name}': {value:.0f} ({same.sum()} cells) is far from all other numbers; if it means that there "
            f"is none, {remedy}"
        )
    return notes
