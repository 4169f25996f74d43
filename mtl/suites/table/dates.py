"""Dates and times written as texts: one way of writing for the whole column, decided from the column."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from mtl.errors import InputError

YEAR_FIRST = re.compile(r"(?P<a>\d{4})(?P<s>[-/.])(?P<b>\d{1,2})(?:(?P=s)(?P<c>\d{1,2}))?")
YEAR_LAST = re.compile(r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)(?P<c>\d{4}|\d{2})")
TWO_DIGITS = re.compile(r"\d{2}\.\d{2}\.\d{2}")
HALF = r"([AP](\.?M\.?)?)?"  # of a day
OFFSET = r"(UTC|GMT)?[+-]\d{1,2}(:?\d{2})?(\s*\([A-Z]+\))?"  # with what is called so, as in -0500 (EST)
CLOCK = re.compile(rf"\d{{1,2}}:\d{{2}}(:\d{{2}}([.,]\d+)?)?\s*{HALF}\s*(Z|UTC|GMT|{OFFSET})?", re.IGNORECASE)
# Times of the day with their zone, and those of UTC among them
ZONED = re.compile(rf".*\d\s*{HALF}\s*(Z|UTC|GMT|{OFFSET})", re.IGNORECASE)
UNIVERSAL = re.compile(r".*(Z|UTC|GMT|(UTC|GMT)?[+-]00?(:?00)?(\s*\([A-Z]+\))?)", re.IGNORECASE)
# The library would take 10:00 UTC+2 for what 12:00 is in UTC, as the variable TZ of POSIX has it, and it is 8:00
BEFORE_OFFSET = re.compile(r"(UTC|GMT)(?=[+-]\d)", re.IGNORECASE)
BETWEEN = re.compile(r"[T ,]\s*")  # a date and a time of the day
SOME = 100  # texts that tell most columns of other texts apart from dates
DAY_ZERO = pd.Timestamp("2000-01-01", tz="UTC")  # of which times of the day are first read
SHORT = "short_year_first"  # with two digits, as 23-02-13
# Which part is the year, the month, the day
FIRST = {"year_first": "abc", "day_first": "cba", "month_first": "cab", SHORT: "abc"}
SPOKEN = {"day_first": "day", "month_first": "month", SHORT: "year"}
WORDS = "words"  # months are written as words, so that nothing is ambiguous
PLAUSIBLE = range(1700, 2200)  # years of a month alone (2023-04), which might as well be a code
CENTURY = 69  # the first year of two digits that is after 1900, as in POSIX


@dataclass(frozen=True)
class TextTimes:
    """A way to write times.

    Attributes:
        written: ``year_first``, ``day_first``, ``month_first``, ``short_year_first`` (with or without a time of the
            day), ``words``, or a format of strptime.
    """

    written: str

    @classmethod
    def guess(cls, texts: pd.Series, name: str) -> "TextTimes | None":
        """How the texts of a column are written; None if they are no dates of one way: versions and codes are none.

        Args:
            texts: distinct ones, none missing.
            name: of the column, for messages.

        Returns:
            The way.

        Raises:
            InputError: day or month may be the first.
        """
        ways = _ways(texts.head(SOME)) and _ways(texts)
        if len(ways) > 1:
            firsts = " or ".join(f"the {SPOKEN[way]}" for way in ways)
            said = " or ".join(f"{{{name}: {way}}}" for way in ways)
            raise InputError(
                f"column '{name}': '{texts.iloc[0]}' may have {firsts} first, and no cell of the column decides it: "
                f"say task.formats={said}, or 'task.columns={{{name}: ignore}}'"
            )
        return cls(ways[0]) if ways else None

    @classmethod
    def fit(cls, texts: pd.Series, name: str, given: str | None) -> "TextTimes":
        """How the texts of a column are written that the user says are times.

        Args:
            texts: distinct ones, none missing.
            name: of the column, for messages.
            given: how they are written, if the user says so.

        Returns:
            The way.

        Raises:
            InputError: day or month may be the first, or there is no such way.
        """
        if given is not None:
            if given not in FIRST and "%" not in given:
                raise InputError(
                    f"task.formats.{name}={given}: expected {', '.join(FIRST)} or a format such as '%d.%m.%Y %H:%M'"
                )
            return cls(given)
        found = cls.guess(texts, name)
        if found is None and len(texts) and texts.str.fullmatch(r"\d{8}").all():
            return cls("%Y%m%d")
        return found or cls(WORDS)

    def read(self, texts: pd.Series, what: str) -> pd.Series:
        """Texts as UTC times, missing where missing. InputError for the first that is no time written so."""
        distinct = pd.Series(texts.dropna().unique(), dtype=object)
        if distinct.empty:
            return pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us, UTC]", name=texts.name)
        found = self._parsed(distinct)
        bad = np.flatnonzero(found.isna())
        if len(bad):
            row = texts.index[np.flatnonzero((texts == distinct.iloc[bad[0]]).to_numpy())[0]]
            raise InputError(f"{what}: row {row + 1} holds '{distinct.iloc[bad[0]]}', which is no time{self._expected}")
        return pd.to_datetime(texts.map(pd.Series(found.to_numpy(), index=distinct)), utc=True)

    @property
    def _expected(self) -> str:
        return "" if self.written == WORDS else f" written {self.written.replace('_', ' ')}"

    def _parsed(self, texts: pd.Series) -> pd.Series:
        if self.written in FIRST:
            return _parse(texts, self.written)
        if self.written == WORDS:
            return _worded(texts)
        return pd.to_datetime(texts, errors="coerce", utc=True, format=self.written)


def with_zones(texts: pd.Series, pattern: re.Pattern[str] = ZONED) -> bool | None:
    """Whether the times of the day of distinct texts have a zone of this pattern.

    Args:
        texts: dates, with or without a time of the day.
        pattern: of a time of the day with its zone.

    Returns:
        Whether all have one; None where some have one and others not, or there is no time of the day.
    """
    found = _have_zone(texts, pattern)
    return None if len(found) != 1 else found.pop()


def partly_with_zones(texts: pd.Series) -> bool:
    """Whether some times of the day of distinct texts have a zone, and others none."""
    return len(_have_zone(texts, ZONED)) > 1


def _have_zone(texts: pd.Series, pattern: re.Pattern[str]) -> set[bool]:
    """What holds of the times of the day of distinct texts: that they have a zone of this pattern, that they do not."""
    clocks = _split(texts)[1]
    return set(map(bool, clocks[clocks != ""].str.fullmatch(pattern)))


def _split(texts: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The date of each text, and the time of the day, empty where there is none."""
    parts = [(*BETWEEN.split(text, maxsplit=1), "")[:2] for text in texts]
    dates, clocks = zip(*parts, strict=True) if parts else ((), ())
    return tuple(pd.Series(part, index=texts.index, dtype=object) for part in (dates, clocks))


def _ways(texts: pd.Series) -> list[str]:
    """Which of :data:`FIRST` all texts can be, without those that mean the same."""
    first = BETWEEN.split(texts.iloc[0], maxsplit=1)[0] if len(texts) else ""
    if not (YEAR_FIRST.fullmatch(first) or YEAR_LAST.fullmatch(first)):
        return []  # most columns of other texts are told apart at once
    dates, clocks = (pd.Series(part.unique(), dtype=object) for part in _split(texts))
    if not (clocks.eq("") | clocks.str.fullmatch(CLOCK)).all() or _times_of_day(clocks).isna().any():
        return []
    for pattern, ways in ((YEAR_FIRST, ["year_first"]), (YEAR_LAST, ["day_first", "month_first"])):
        if not len(dates) or not dates.str.fullmatch(pattern).all():
            continue
        parts = dates.str.extract(pattern)
        short = pattern is YEAR_LAST and (parts.s == ".").any() and (parts.c.str.len() == 2).any()
        if short and not dates.str.fullmatch(TWO_DIGITS).all():
            return []  # 2.8.11 is a version, and 02.08.11 a date
        if pattern is YEAR_FIRST and parts.c.isna().any() and not parts.a.astype(int).isin(PLAUSIBLE).all():
            return []  # 4711-03 is a code
        found = {way: _days(dates, way) for way in ways}
        found = {way: days for way, days in found.items() if days.notna().all()}
        if len(found) == 2 and (found["day_first"].equals(found["month_first"]) or (parts.s == ".").all()):
            return ["day_first"]  # with dots the day is first everywhere
        if list(found) == ["day_first"] and _ends_of_months(found["day_first"]):
            return ["day_first"]
        return [*found, *([SHORT] if found and _years_may_be_first(dates, parts) else [])]
    return []


def _ends_of_months(days: pd.Series) -> bool:
    """Whether all days are the last of months of unlike length, which they are not by accident."""
    return bool(days.dt.is_month_end.all()) and days.dt.day.nunique() > 1


def _years_may_be_first(dates: pd.Series, parts: pd.DataFrame) -> bool:
    """Whether dates such as 23-02-13 may begin with the year: days, which are last then, have more values than years.

    Args:
        dates: distinct ones that may have the year last.
        parts: of each, see :data:`YEAR_LAST`.

    Returns:
        Whether it may be.
    """
    return bool((parts.s != ".").all() and parts.a.nunique() < parts.c.nunique() and _days(dates, SHORT).notna().all())


def _days(dates: pd.Series, way: str) -> pd.Series:
    """Distinct dates as UTC times, missing where they are none."""
    pattern = YEAR_FIRST if way == "year_first" else YEAR_LAST
    fitting = dates.where(dates.str.fullmatch(pattern).fillna(False).astype(bool))
    parts = fitting.str.extract(pattern).astype("str")  # also where none fits
    year, month, day = (parts[part] for part in FIRST[way])
    short = year.str.len() == 2
    century = pd.Series(np.where(pd.to_numeric(year, errors="coerce") < CENTURY, "20", "19"), index=dates.index)
    year = year.where(~short, century + year)
    whole = year + "-" + month.str.zfill(2) + "-" + day.fillna("01").str.zfill(2)
    return pd.to_datetime(whole, errors="coerce", utc=True, format="%Y-%m-%d")


def _times_of_day(clocks: pd.Series) -> pd.Series:
    """Distinct times of the day as what is to be added to a day, which knows time zones; missing if they are none."""
    known = clocks.where(clocks.str.fullmatch(CLOCK).fillna(False).astype(bool) | (clocks == ""))
    whole = DAY_ZERO.strftime("%Y-%m-%d") + " " + known.where(clocks != "", "00:00")
    found = whole.str.replace(BEFORE_OFFSET, "", regex=True)
    return pd.to_datetime(found, errors="coerce", utc=True, format="mixed") - DAY_ZERO


def _worded(texts: pd.Series) -> pd.Series:
    """Distinct texts with months as words as UTC times, missing where they are none, or do not say the year."""
    # Without letters the library would guess the order of day and month, of each cell by itself; without digits it
    # would take "now" for the moment at which it reads
    worded = texts.where(texts.str.contains("[A-Za-z]{3}", regex=True) & texts.str.contains(r"\d", regex=True))
    plain = worded.str.replace(BEFORE_OFFSET, "", regex=True)
    found = pd.to_datetime(plain, errors="coerce", utc=True, format="mixed")
    # Without a year of four digits the library says the year 1, or takes the century that is nearest to the present day
    short = ~plain.str.replace(CLOCK, "", regex=True).str.contains(r"(?<!\d)\d{4}(?!\d)", regex=True, na=False)
    found = found.mask(short & (found.dt.year == 1))
    late = short & (found.dt.year >= 2000 + CENTURY)
    return found.where(~late, found - pd.DateOffset(years=100))


def _parse(texts: pd.Series, way: str) -> pd.Series:
    """Texts as UTC times, missing where they are none. Dates and times of the day are read once each."""
    dates, clocks = _split(texts)
    days = _once_each(dates, partial(_days, way=way))
    times = _once_each(clocks, _times_of_day)
    return pd.to_datetime(days, utc=True) + pd.to_timedelta(times)


def _once_each(values: pd.Series, read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """What is read of every value, by reading distinct ones."""
    codes, distinct = pd.factorize(values)
    found = read(pd.Series(distinct, dtype=object)).iloc[codes]
    return found.set_axis(values.index)
