"""Columns of texts that would be columns of numbers or times but for a few cells, a unit, or ways to write."""

import json
import re

import pandas as pd

from mtl.suites.table.numerals import MINUS, SIGNS, in_two_ways, look_like_numbers
from mtl.suites.table.types import CODE, NO_VALUE, is_text

# Of every number, in any way of writing, with or without a unit, and of every date
BEGINNING = re.compile(rf"\s*([-+.,(0-9{MINUS}\u2013]|{SIGNS}|inf|nan)", re.IGNORECASE)
MOST = 0.9  # of the distinct texts, from which on the others are what keeps a column from being one of numbers
SEVERAL = 5  # distinct texts, among which fewer look like numbers by chance
DATE = r"(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{4})(?:\D.*)?"
WITH_UNIT = re.compile(r"[+-]?\d[\d.,]*(?P<unit>\s?[a-z°µ‰²³/]{1,5}|\s[A-Za-z°µ‰²³/]{1,5})")  # as 5 kg or 3.5km/h


def distinct_texts(values: pd.Series) -> pd.Series:
    """What the cells of a column say, each once, without what stands for no value."""
    return pd.Series([text for text in values.dropna().unique() if text.lower() not in NO_VALUE], dtype=object)


def nearly_typed(values: pd.Series) -> list[str]:
    """A note if nearly all texts of a column are numbers, all are such of one unit, or nearly all begin with dates.

    So it is where all are numbers and not all are written in one way.

    Such a column is learned as categories, or not at all, and nobody would see that one cell is the reason.

    Args:
        values: the column.

    Returns:
        The note, or nothing.
    """
    if not is_text(values):
        return []
    texts = distinct_texts(values)
    if len(texts) < SEVERAL or sum(map(bool, map(BEGINNING.match, texts))) < MOST * len(texts):
        return []
    if texts.str.fullmatch(CODE).any():
        return []
    others = texts[~look_like_numbers(texts)]
    if 0 < len(others) <= (1 - MOST) * len(texts):
        listed = json.dumps(others.head(3).tolist(), ensure_ascii=False)
        shown = ", ".join(f"'{text}'" for text in others.head(3)) + (", ..." if len(others) > 3 else "")
        return [
            f"column '{values.name}' is one of texts: its cells are numbers but for {shown}; if these mean that there "
            f"is no value, say 'task.missing={listed}'"
        ]
    if not len(others) and (two := in_two_ways(texts)):
        return [
            f"column '{values.name}' is one of texts: its cells are numbers that are not all written in one way, such "
            f"as '{two[0]}' and '{two[1]}'"
        ]
    units = texts.str.extract(WITH_UNIT)["unit"].str.strip()
    if texts.str.fullmatch(WITH_UNIT).all() and units.nunique() == 1:
        return [
            f"column '{values.name}' is one of texts: its numbers are written with '{units.iloc[0]}'; to learn from "
            "them as numbers, put the unit into the name of the column"
        ]
    dates = texts[texts.str.fullmatch(DATE)]
    if len(dates) >= MOST * len(texts):
        shown = " and ".join(f"'{text}'" for text in (dates.iloc[0], dates.iloc[1]))
        return [
            f"column '{values.name}' is one of texts: its cells begin with dates, such as {shown}, and not all are "
            "times that are written in one way"
        ]
    return []
