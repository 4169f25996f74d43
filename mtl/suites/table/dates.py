"""Dates and times written as texts: one way of writing for the whole column, decided from the column."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mtl.errors import InputError

CLOCK = r"(?:(?:[T ,]\s*)(?P<clock>\d{1,2}:\d{2}.*))?"
YEAR_FIRST = re.compile(rf"(?P<a>\d{{4}})(?P<s>[-/.])(?P<b>\d{{1,2}})(?:(?P=s)(?P<c>\d{{1,2}}))?{CLOCK}")
YEAR_LAST = re.compile(rf"(?P<a>\d{{1,2}})(?P<s>[-/.])(?P<b>\d{{1,2}})(?P=s)(?P<c>\d{{4}}|\d{{2}}){CLOCK}")
PARTS = ("a", "s", "b", "c", "clock")
FIRST = {"year_first": "abc", "day_first": "cba", "month_first": "cab"}  # which part is the year, the month, the day
WORDS = "words"  # months are written as words, so that nothing is ambiguous
PLAUSIBLE = range(1700, 2200)  # years of a month alone (2023-04), which might as well be a code


@dataclass(frozen=True)
class TextTimes:
    """A way to write times.

    Attributes:
        written: ``year_first``, ``day_first``, ``month_first`` (with or without a time of the day), ``words``, or a
            format of strptime.
    """

    written: str

    @staticmethod
    def looks_like(texts: pd.Series) -> bool:
        """Whether all texts are dates of one way to write them: versions and codes are none."""
        return bool(_ways(texts))

    @classmethod
    def fit(cls, texts: pd.Series, name: str, given: str | None) -> "TextTimes":
        """How the texts of a column are written.

        Args:
            texts: distinct ones, none missing.
            name: of the column, for messages.
            given: what the user says of it.

        Returns:
            The way.

        Raises:
            InputError: it can be day or month first, or the first text that is no time.
        """
        if given is not None:
            if given not in FIRST and "%" not in given:
                raise InputError(
                    f"task.formats.{name}={given}: expected {', '.join(FIRST)} or a format such as '%d.%m.%Y %H:%M'"
                )
            return cls(given)
        ways = _ways(texts)
        if len(ways) > 1:
            example = texts.iloc[0]
            raise InputError(
                f"column '{name}': '{example}' may have the day or the month first, and no cell of the column decides "
                f"it: say task.formats={{{name}: day_first}} or {{{name}: month_first}}, or "
                f"'task.columns={{{name}: ignore}}'"
            )
        if not ways and len(texts) and texts.str.fullmatch(r"\d{8}").all():
            return cls("%Y%m%d")
        return cls(ways[0] if ways else WORDS)

    def read(self, texts: pd.Series, what: str) -> pd.Series:
        """Texts as UTC times, missing where missing. InputError for the first that is no time written so."""
        distinct = pd.Series(texts.dropna().unique(), dtype=object)
        found = self._parsed(distinct)
        bad = np.flatnonzero(found.isna())
        if len(bad):
            row = texts.index[np.flatnonzero((texts == distinct.iloc[bad[0]]).to_numpy())[0]]
            raise InputError(f"{what}: row {row + 1} holds '{distinct.iloc[bad[0]]}', which is no time{self._expected}")
        times = pd.Series(found.to_numpy(), index=distinct) if len(distinct) else pd.Series(dtype="datetime64[us]")
        return pd.to_datetime(texts.map(times), utc=True)

    @property
    def _expected(self) -> str:
        return "" if self.written == WORDS else f" written {self.written.replace('_', ' ')}"

    def _parsed(self, texts: pd.Series) -> pd.Series:
        if self.written in FIRST:
            return _parse(texts, self.written)
        if self.written == WORDS:
            # Without letters the library would guess the order of day and month, of each cell by itself
            worded = texts.where(texts.str.contains("[A-Za-z]{3}", regex=True))
            return pd.to_datetime(worded, errors="coerce", utc=True, format="mixed")
        return pd.to_datetime(texts, errors="coerce", utc=True, format=self.written)


def _ways(texts: pd.Series) -> list[str]:
    """Which of :data:`FIRST` all texts can be, without those that mean the same."""
    for pattern, ways in ((YEAR_FIRST, ["year_first"]), (YEAR_LAST, ["day_first", "month_first"])):
        if not texts.str.fullmatch(pattern).all():
            continue
        parts = texts.str.extract(pattern)
        if pattern is YEAR_LAST and (parts.s == ".").any() and (parts.c.str.len() == 2).any():
            return []  # 2.8.11 is a version
        if pattern is YEAR_FIRST and parts.c.isna().any() and not parts.a.astype(int).isin(PLAUSIBLE).all():
            return []  # 4711-03 is a code
        found = {way: _parse(texts, way) for way in ways}
        found = {way: times for way, times in found.items() if times.notna().all()}
        if len(found) == 2 and (found["day_first"].equals(found["month_first"]) or (parts.s == ".").all()):
            return ["day_first"]  # with dots the day is first everywhere
        return list(found)
    return []


def _parse(texts: pd.Series, way: str) -> pd.Series:
    parts = texts.str.extract(YEAR_FIRST if way == "year_first" else YEAR_LAST)
    year, month, day = (parts[part] for part in FIRST[way])
    short = year.str.len() == 2
    century = pd.Series(np.where(pd.to_numeric(year, errors="coerce") < 69, "20", "19"), index=texts.index)  # as POSIX
    year = year.where(~short, century + year)
    date = year + "-" + month.str.zfill(2) + "-" + day.fillna("01").str.zfill(2)
    whole = date + (" " + parts["clock"]).fillna("")
    return pd.to_datetime(whole, errors="coerce", utc=True, format="mixed")
