"""What the cells of a text column are: fitted once, written down with the run, and read back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from pandas.api.types import (
    infer_dtype,
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_object_dtype,
    is_string_dtype,
)

from mtl.errors import InputError
from mtl.suites.table import typed_cells as cells
from mtl.suites.table.dates import UNIVERSAL, TextTimes, partly_with_zones, with_zones
from mtl.suites.table.numerals import PLAIN, WAYS, TextNumbers, as_numbers
from mtl.suites.table.typed_cells import TYPED_CELLS, typed_cells

# Among numbers and times, these mean "no value": they can be nothing else there. Among texts they are texts.
NO_VALUE = frozenset(("na", "n/a", "nan", "-nan", "null", "none", "<na>", "#na", "#n/a", "#n/a n/a")) | {
    "1.#ind",
    "-1.#ind",
    "1.#qnan",
    "-1.#qnan",
    "#div/0!",
    "#value!",
    "#ref!",
    "#name?",
    "#num!",
    "#null!",
    "0000-00-00",
    "0000-00-00 00:00:00",
}  # as some systems print what is no number, spreadsheets what they could not compute, and databases no day
WHOLE = re.compile(r"-?(0|[1-9]\d*)(\.0+)?")
CODE = re.compile(r"[+-]?0\d+")  # no number is written like this
LETTERED = re.compile(r"\d+E\d+")  # 3E2, a code: programs write 3E+02 or 300.0
EXACT = 2**63  # from which on whole numbers have no type
TRUTH = {"true": True, "false": False}
TEXT, NUMBER, TIME = "text", "number", "time"  # what a column may be asked to be
NUMBERS = (cells.PLAIN, cells.PERCENT)  # cells that are numbers in their file
YEAR_FIRST = "year_first"  # how times stand in a frame of texts that are such in their file


def is_text(values: pd.Series) -> bool:
    """Whether a column holds texts, and nothing else beside missing values."""
    return is_string_dtype(values) and (not is_object_dtype(values) or infer_dtype(values, skipna=True) == "string")


@dataclass(frozen=True)
class ColumnType:
    """How the texts of a column are read.

    Attributes:
        name: of the column.
        type: ``number``; ``truth``, true or false; ``time``; ``whole``: categories that are whole numbers, of which 1
            and 1.0 are the same one; ``text``: as they stand.
        written: how its times or numbers are, see :class:`~mtl.suites.table.dates.TextTimes` and
            :class:`~mtl.suites.table.numerals.TextNumbers`.
        unit: of its numbers, see there; it is not known of runs that did not write it down.
        zone: whether all of its times of the day are said with their zone, or none; None: neither is so, or not known.
    """

    name: str
    type: str
    written: str = PLAIN
    unit: str | None = None
    zone: bool | None = None

    @classmethod
    def fit(cls, values: pd.Series, asked: str | None, written: str | None, declared: bool) -> "ColumnType":
        """The type of a column of texts, from all of its cells.

        Args:
            values: the texts.
            asked: ``text``, ``number`` or ``time`` if the user has said so; None: found out.
            written: how its times or numbers are, if the user has said so.
            declared: the file says that they are texts, so that they are no numbers unless asked for.

        Returns:
            The type.

        Raises:
            InputError: days and months, or decimals and thousands, cannot be told apart; a way to write that is none.
        """
        name = str(values.name)
        others = _distinct(values)
        if asked == TEXT:
            whole = len(others) > 0 and others.str.fullmatch(WHOLE).all()
            return cls(name, "whole" if whole else "text")
        truth = len(others) > 0 and all(text.lower() in TRUTH for text in others)
        if (asked == NUMBER or not declared) and truth:
            return cls(name, "truth")
        if asked == NUMBER or written in WAYS:
            numbers = _way_of_numbers(values, others, written)
            return cls._of_numbers(name, numbers or TextNumbers())
        dates = _beside_times(values, others, written)
        if asked == TIME or written is not None:
            return cls(name, "time", TextTimes.fit(dates, name, written).written, zone=with_zones(dates))
        if not declared:
            numbers = None if _codes(others) else _way_of_numbers(values, others)
            if numbers is not None:
                return cls._of_numbers(name, numbers)
        times = TextTimes.guess(dates, name)
        return cls(name, "time", times.written, zone=with_zones(dates)) if times else cls(name, "text")

    @classmethod
    def _of_numbers(cls, name: str, numbers: TextNumbers) -> "ColumnType":
        return cls(name, "number", numbers.written, numbers.unit)

    def plain(self) -> dict[str, str | bool]:
        """The fields that are known, for a JSON file."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def unfamiliar(self, values: pd.Series) -> list[str]:
        """A line for the user if new rows have other values than the training.

        These are numbers without its %, truth values in the place of numbers, or times of other zones.
        """
        if self.type == "time":
            return other_zones(self.name, self.zone, values)
        if self.type == "number" and _has_truth(values):
            return [f"column '{self.name}': true and false, where the training has numbers: they count as 1 and 0"]
        if self.unit != "%" or not values.notna().any():
            return []
        if is_text(values) and not (typed_cells(values) == cells.PLAIN).any():
            return []
        return [f"column '{self.name}': numbers without %, where the training's are written with it: 12 counts as 12 %"]

    def read(self, values: pd.Series) -> pd.Series:
        """The values of a column of texts; a column of something else as it is.

        Texts that are no numbers or truth values stay texts, for the message of whoever needs numbers. InputError for
        the first text that is no time, or a number of another unit than those before or written in another way: what
        1.234 means must not depend on the other cells. Cells that are numbers or times in their file count as these,
        however the texts of the training were written. Texts of a typed file or a program are read as those of a text
        file, in which spaces around a value count for nothing, and an empty one is missing.
        """
        if not is_text(values):
            if self.type == "truth":
                self._check_truth(values, values)
            return values
        values = _without_spaces(values)
        if self.type == "text":
            return values
        found = typed_cells(values)
        if self.type == "number" and self.written != PLAIN and np.isin(found, NUMBERS).any():
            return self._with_numbers(values, found)
        if self.type == "time" and self.written != YEAR_FIRST and (found == cells.TIME).any():
            return self._with_times(values, found == cells.TIME)
        as_written = TextNumbers(self.written, self.unit)
        if self.type == "number" and (plain := as_written.read(values)) is not None:
            return plain
        texts = values.astype(object)
        texts = texts.mask(texts.str.lower().isin(NO_VALUE).fillna(False).astype(bool))
        if self.type == "whole":
            return texts.str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
        if self.type == "time":
            return TextTimes(self.written).read(texts, f"column '{self.name}'")
        if self.type == "truth":
            truth = texts.str.lower().map(TRUTH)
            if truth.isna().equals(texts.isna()):
                return truth.astype("boolean")
            self._check_truth(pd.to_numeric(texts, errors="coerce"), texts)
            return texts
        numbers = as_written.read(texts)
        if numbers is None and self.written != PLAIN:
            raise InputError(as_written.other_than_written(texts))
        return texts if numbers is None else numbers

    def _check_truth(self, values: pd.Series, shown: pd.Series) -> None:
        """InputError for a number other than 0 and 1, which stand for false and true.

        Args:
            values: of a column of truth values, or what its texts mean.
            shown: as they stand.
        """
        bad = np.flatnonzero(_other_than_truth(values) & values.notna().to_numpy())
        if len(bad):
            row, value = values.index[bad[0]] + 1, shown.iloc[bad[0]]
            raise InputError(f"column '{self.name}': row {row} holds {value}, expected true or false, as in training")

    def _with_numbers(self, values: pd.Series, found: np.ndarray) -> pd.Series:
        """A column some cells of which are numbers already: of percents 12 where the file shows 0.12 as 12 %."""
        out, known = np.full(len(values), np.nan), np.isin(found, NUMBERS)
        plain = as_numbers(values[known])
        assert plain is not None
        out[known] = plain.to_numpy(dtype="float64", na_value=np.nan)
        out[(found == cells.PERCENT) & (self.unit == "%")] *= 100
        others = _untyped(values[~known])
        if others.notna().any():
            out[~known] = self.read(others).to_numpy(dtype="float64", na_value=np.nan)
        return pd.Series(out, index=values.index, name=values.name)

    def _with_times(self, values: pd.Series, known: np.ndarray) -> pd.Series:
        """A column some cells of which are times already, and stand in the frame with the year first."""
        parts = [TextTimes(YEAR_FIRST).read(values[known].astype(object), f"column '{self.name}'")]
        others = _untyped(values[~known])
        parts += [self.read(others)] if len(others) else []
        found = pd.concat(
            [
                part.astype("datetime64[us, UTC]").set_axis(places)
                for part, places in zip(parts, (np.flatnonzero(known), np.flatnonzero(~known)), strict=False)
            ]
        )
        return found.sort_index().set_axis(values.index).rename(values.name)


def zones_of(frame: pd.DataFrame) -> dict[str, bool]:
    """Of the columns that are times in their file, whether they have a zone."""
    return {
        str(name): getattr(frame[name].dtype, "tz", None) is not None
        for name in frame.columns
        if is_datetime64_any_dtype(frame[name])
    }


def other_zones(name: str, zone: bool | None, values: pd.Series) -> list[str]:
    """A line for the user if new rows have times with a zone and the training's had none, or the other way round.

    Args:
        name: of the column.
        zone: whether the training's have one; None: neither is so, or not known.
        values: of the new rows.

    Returns:
        The line, or nothing.
    """
    values = values.dropna()
    zoned, universal = None, False
    if is_text(values):
        texts = _distinct(values)
        if zone is not None and partly_with_zones(texts):
            return [partly_zoned(name)]
        zoned, universal = with_zones(texts), with_zones(texts, UNIVERSAL) is True
    elif is_datetime64_any_dtype(values) and len(values):
        zoned = getattr(values.dtype, "tz", None) is not None
        universal = zoned and bool(values.dt.tz_localize(None).equals(values.dt.tz_convert(None)))
    if zone is True and zoned is False:
        return [f"column '{name}': times without a zone count as UTC, and the training's have theirs"]
    if zone is False and zoned and not universal:
        return [f"column '{name}': times are turned into UTC by their zone, and the training's had none"]
    return []


def partly_zoned(name: str) -> str:
    """What is said of a column some of whose times have a zone, and others none."""
    return f"column '{name}': some of its times have a zone, and those that have none count as UTC"


def notes_on_zones(values: pd.Series) -> list[str]:
    """A note if some times of a column have a zone and others none, as where tables of two origins stand together.

    Args:
        values: the cells of a column of times as they stand in their files.

    Returns:
        The note, or nothing.
    """
    known = values.dropna()
    if is_text(known):
        partly = partly_with_zones(_distinct(known))
    else:  # times with a zone and times without one have no type in common
        partly = is_object_dtype(known) and len({getattr(one, "tzinfo", None) is None for one in known}) > 1
    return [partly_zoned(str(values.name))] if partly else []


def _without_spaces(values: pd.Series) -> pd.Series:
    """Texts as a text file has them; the same column where they are so already."""
    texts = values.str.strip()
    texts = texts.mask(texts == "")
    return values if texts.equals(values) else texts


def _untyped(values: pd.Series) -> pd.Series:
    """Some cells of a column, without what is known of the others."""
    return pd.Series(values.array, index=values.index, name=values.name)


def _distinct(values: pd.Series) -> pd.Series:
    """The texts of a column that mean a value, each once."""
    return pd.Series([text for text in values.dropna().unique() if text.lower() not in NO_VALUE], dtype=object)


def _way_of_numbers(values: pd.Series, others: pd.Series, written: str | None = None) -> TextNumbers | None:
    """How the numbers of a column are written, by those of its cells that are texts in their file.

    Args:
        values: the column.
        others: its distinct texts that mean a value.
        written: what the user says of it.

    Returns:
        The way; None if a text is no number, or has a unit that numbers which are none of texts may not have.

    Raises:
        InputError: see :meth:`TextNumbers.fit`.
    """
    name, found = str(values.name), typed_cells(values)
    texts = _distinct(values[found == cells.TEXT]) if found.any() else others
    if not len(texts) and written is None:
        return TextNumbers.fit(others, name)
    numbers = TextNumbers.fit(texts, name, written)
    if written is None and numbers is not None and numbers.unit == "%":
        plain = as_numbers(values[found == cells.PLAIN])
        return numbers if plain is not None and not plain.any() else None  # 12 % and 0.12 may be the same
    return numbers


def _beside_times(values: pd.Series, others: pd.Series, written: str | None) -> pd.Series:
    """The texts of a column that say how its times are written: all, or those of cells that are no times already.

    Args:
        values: the column.
        others: its distinct texts that mean a value.
        written: what the user says of it.

    Returns:
        Distinct texts.
    """
    known = typed_cells(values) == cells.TIME
    texts = _distinct(values[~known]) if known.any() else others
    return texts if len(texts) or written is not None else others


def _has_truth(values: pd.Series) -> bool:
    """Whether any value is true or false; of texts whether all are."""
    known = values.dropna()
    if is_text(values):
        known = _without_spaces(values).dropna()
        return len(known) > 0 and bool(known.str.lower().isin(TRUTH).all())
    if is_object_dtype(values):
        return any(isinstance(value, bool | np.bool_) for value in known)
    return bool(is_bool_dtype(values)) and len(known) > 0


def _other_than_truth(values: pd.Series) -> np.ndarray:
    """Which values are numbers other than 0 and 1, which stand for false and true."""
    if is_object_dtype(values):
        return np.array([isinstance(value, Real) and value not in (0, 1) for value in values], dtype=bool)
    if not is_numeric_dtype(values) or is_bool_dtype(values):
        return np.zeros(len(values), dtype=bool)
    other: np.ndarray = ~values.isin([0, 1]).to_numpy(dtype=bool)
    return other


def _codes(texts: pd.Series) -> bool:
    """Whether digits are no numbers: zeros before them say so, an E between them, more digits than are told apart."""
    if any(map(CODE.fullmatch, texts)):
        return True
    if any(map(LETTERED.fullmatch, texts)) and not any("." in text for text in texts):
        return True
    whole = len(texts) > 0 and all(map(WHOLE.fullmatch, texts))
    return whole and max(abs(int(text.split(".")[0])) for text in texts) >= EXACT


def fit_types(
    frame: pd.DataFrame, asked: Mapping[str, str], formats: Mapping[str, str], declared: bool
) -> dict[str, ColumnType]:
    """The types of the columns of texts.

    Args:
        frame: all rows.
        asked: by column, see :meth:`ColumnType.fit`.
        formats: by column, how times or numbers are written.
        declared: the file says of every column what it is.

    Returns:
        By column; of a file that says what its columns are, only of those that are no texts after all.

    Raises:
        InputError: see :meth:`ColumnType.fit`.
    """
    found = {
        str(name): ColumnType.fit(frame[name], asked.get(str(name)), formats.get(str(name)), declared)
        for name in frame.columns
        if is_text(frame[name])
    }
    return {name: one for name, one in found.items() if not declared or one.type != "text"}


def typed(frame: pd.DataFrame, types: Mapping[str, ColumnType]) -> pd.DataFrame:
    """The columns of texts as what they are. InputError for a text that is no time."""
    out = frame.copy(deep=False)
    for name in frame.columns:
        if name in types:
            out[name] = types[name].read(frame[name])
    out.attrs.pop(TYPED_CELLS, None)  # cells are texts no more
    return out


def taken_as_values(values: pd.Series) -> list[str]:
    """A note if a column of texts has some that often mean "no value"; it takes them as they stand."""
    if not is_text(values):
        return []
    # A text file has no empty text, which is no value there
    found = [text for text in values.dropna().unique() if text.strip().lower() in {*NO_VALUE, ""}]
    if not found:
        return []
    texts = values.astype(object)
    counts = texts[texts.isin(found)].value_counts()
    cells = ", ".join(f"'{text}' ({count} cells)" for text, count in counts.items())
    listed = ", ".join(f'"{text}"' for text in counts.index)
    return [
        f"column '{values.name}': {cells} is a value like any other; if it means that there is none, say "
        f"'task.missing=[{listed}]'"
    ]
