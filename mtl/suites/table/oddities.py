"""Rows and numbers that may be none: a row of totals at the end, numbers such as -999 that mean "no value"."""

import json
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from mtl.suites.table.encoding import FIRST_YEAR, LAST_YEAR
from mtl.suites.table.types import is_text

TOTAL = re.compile(
    r"(grand |sub-?)?totals?|(the )?sums?|totaux|summe|gesamt(summe)?|insgesamt|totale|"
    r"合计|总计|总和|小计|合計"
)
FEWEST = 20  # rows, among which such a number is more than chance
NINES = re.compile(r"-99+|999+")  # as -99, -999, 9999
FAR = (1, 2)  # ranges of all others that a negative number, and a positive one, is beyond them
EDGES = {(1, 1), (12, 31), (12, 30)}  # days of a year, as of 1900-01-01, 2099-12-31 or 1899-12-30


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


def no_time(values: pd.Series) -> pd.Timestamp | None:
    """A first or last day of a year that occurs more than once, and far from all other times; None: there is none.

    Days without end, from the year 9999 on, are none of them: they count as such.

    Args:
        values: a column of times.

    Returns:
        The day.
    """
    if not is_datetime64_any_dtype(values):
        return None
    known = values[(values.dt.year > FIRST_YEAR) & (values.dt.year < LAST_YEAR)].sort_values()
    if len(known) < FEWEST:
        return None
    for value, others in (
        (known.iloc[0], known[known > known.iloc[0]]),
        (known.iloc[-1], known[known < known.iloc[-1]]),
    ):
        if not 0 < len(others) <= len(known) - 2 or value != value.normalize():
            continue
        near = others.iloc[0] - value if value < others.iloc[0] else value - others.iloc[-1]
        if (value.month, value.day) in EDGES and near > others.iloc[-1] - others.iloc[0] > pd.Timedelta(0):
            return value
    return None


def no_values(written: pd.DataFrame, frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Notes of the columns in which :func:`no_value` or :func:`no_time` finds one.

    Args:
        written: the cells as they stand in the file.
        frame: the same rows, their cells as what they are.
        names: of the columns.

    Returns:
        A line for each such column.
    """
    notes = []
    for name in names:
        value, kind = no_value(frame[name]), "numbers"
        if value is None:
            value, kind = no_time(frame[name]), "times"
        if value is None:
            continue
        shown = f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else f"{value:.0f}"
        same = (frame[name] == value).fillna(False).astype(bool)
        texts = written[name][same].unique().tolist() if is_text(written[name]) else [shown] * (kind == "numbers")
        remedy = (
            f"say 'task.missing={json.dumps(texts)}', which is for all columns" if texts else "leave these cells empty"
        )
        notes.append(
            f"column '{name}': {shown} ({same.sum()} cells) is far from all other {kind}; if it means that there is "
            f"none, {remedy}"
        )
    return notes
