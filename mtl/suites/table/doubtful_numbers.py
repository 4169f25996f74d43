"""Columns of numbers that may be something else: days, or numbers with a point for thousands."""

import pandas as pd

from mtl.config.literals import override_argument
from mtl.suites.table.leaks import choice
from mtl.suites.table.nearly import SEVERAL, distinct_texts
from mtl.suites.table.numerals import GROUPED
from mtl.suites.table.types import is_text


def days_as_numbers(values: pd.Series) -> list[str]:
    """A note if all numbers of a column are days such as 20230131, of whose digits the distance of days cannot be seen.

    Args:
        values: the texts of a column of numbers.

    Returns:
        The note, or nothing.
    """
    if not is_text(values):
        return []
    texts = distinct_texts(values)
    if len(texts) < SEVERAL or not texts.str.fullmatch(r"(19|20)\d{6}").all():
        return []
    if pd.to_datetime(texts, format="%Y%m%d", errors="coerce").isna().any():
        return []
    return [
        f"column '{values.name}' is one of numbers that may be days, such as {texts.iloc[0]}: if they are, say "
        f"{choice(str(values.name), 'time')}"
    ]


def decimals_or_thousands(values: pd.Series) -> list[str]:
    """A note if all numbers of a column have a point before three digits, which may be that of thousands.

    A program that leaves out zeros at the end would have written 12.500 as 12.5. The smallest and the largest number of
    the column decide nothing: none is below 1,000, or above a million, if the point is that of thousands.

    Args:
        values: the texts of a column of numbers.

    Returns:
        The note, or nothing.
    """
    if not is_text(values):
        return []
    texts = distinct_texts(values)
    if len(texts) < SEVERAL or not texts.str.fullmatch(GROUPED).all() or not texts.str.endswith("0").any():
        return []
    name = str(values.name)
    said = override_argument("task.formats", {name: "decimal_comma"})
    return [
        f"column '{name}': each of its numbers has three digits behind the point, such as {texts.iloc[0]}, and they "
        f"count as decimals; if the point is that of thousands, say {said}"
    ]
