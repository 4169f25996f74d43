"""From columns to the inputs of a network, by statistics of the training rows only, which can be written down."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_float_dtype
from torch import Tensor
from typing_extensions import override

from mtl.errors import InputError, absent
from mtl.suites.table.columns import check_precision, names, numbers, places, times
from mtl.suites.table.fields import from_plain
from mtl.suites.table.stacking import EXACT

LIMIT = 8.0  # standard deviations beyond which a value says no more; keeps one wrong cell from ruling a batch
SMOOTH_LIMIT = 3.0  # that robust numbers come near to, however far a value is
WAYS = ("standard", "quantile", "robust")  # to scale numbers
KNOTS = 500  # quantiles that are written down of a column
SHARES = 48  # of the rows of a column, as many as the bins of a number in the encoders of tables
LEVEL = 1e-3  # nearer to 0 or 1 is no level of a value
MANY = 10  # rows, from which on it is worth a line that a column has no value in any
DAY = 86400.0
FIRST_YEAR, LAST_YEAR = 1, 9999  # which mean "no beginning" and "no end"
NO_BEGINNING, NO_END = -62_104_060_800.0, 253_370_764_800.0  # before 0002-01-01, from 9999-01-01 on; seconds since 1970
LONG = re.compile(r"-?\d{16,300}")  # whole numbers some of which are beyond those that double precision holds
Features = np.ndarray


@dataclass(frozen=True)
class Column(ABC):
    """How one column is encoded, as plain values.

    Attributes:
        kind: its kind, as in :data:`mtl.suites.table.columns.KINDS`.
        width: how many numbers, and how many categories, it is as a column of a table.
        name: the column.
    """

    kind: ClassVar[str]
    width: ClassVar[tuple[int, int]]
    name: str

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """Names of the F features."""

    @abstractmethod
    def encode(self, values: pd.Series) -> Features:
        """Values to ``[N, F]``."""

    def numbers(self, values: pd.Series) -> Features:
        """Values to numbers, ``[N, width[0]]``, NaN where missing."""
        return np.empty((len(values), 0))

    def codes(self, values: pd.Series) -> Features:
        """Values to categories, ``[N, width[1]]`` integer, -1 where missing or unseen."""
        return np.empty((len(values), 0), dtype=np.int64)

    def unfamiliar(self, values: pd.Series) -> list[str]:
        """A line for the user if values are unlike those of the training; default: if there is none in many rows."""
        if len(values) < MANY or values.notna().any():
            return []
        return [f"column '{self.name}': none of {len(values)} rows has a value"]

    def plain(self) -> dict[str, Any]:
        """The fields as plain values, for a JSON file."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class NumberColumn(Column):
    """A number, standardised and cut off at :data:`LIMIT`, mapped to a normal distribution, or scaled robustly.

    A robust one is ``z / sqrt(1 + (z / 3)^2)``, between -3 and 3, with ``z = (x - median) / IQR``; where the quartiles
    are the same, half the range stands for their distance (Holzmueller, Grinsztajn, Steinwart, NeurIPS 2024,
    https://arxiv.org/abs/2407.04491). A missing one is 0, and a second feature says so if any was missing in training.

    Attributes:
        mean, std: of the training rows; of a robust number their median and distance of quartiles.
        gaps: whether any was missing in them.
        knots: their quantiles at equal steps from 0 to 1, to which the normal ones between -3.1 and 3.1 belong; empty:
            it is no number that is mapped to a normal distribution.
        smooth: it is a robust number.
    """

    kind: ClassVar[str] = "number"
    width: ClassVar[tuple[int, int]] = (1, 0)
    mean: float
    std: float
    gaps: bool
    knots: tuple[float, ...] = ()
    smooth: bool = False

    @classmethod
    def fit(cls, name: str, values: pd.Series, way: str = "standard") -> "NumberColumn":
        """From the training rows, in one of :data:`WAYS`."""
        check_precision(values, f"column '{name}'")
        found = numbers(values, f"column '{name}'")
        known = found[~np.isnan(found)]
        gaps = len(known) < len(found)
        std = float(known.std()) if len(known) else 0.0
        if way == "robust" and std > 0:
            low, mean, high = (float(value) for value in np.quantile(known, (0.25, 0.5, 0.75)))
            return cls(name, mean, high - low or float(np.ptp(known)) / 2, gaps, smooth=True)
        mean = float(known.mean()) if len(known) else 0.0
        knots = _knots(known) if way == "quantile" and std > 0 else ()
        return cls(name, mean, std if std > 0 else 1.0, gaps, knots)

    @override
    def plain(self) -> dict[str, Any]:
        """Without the fields that another way of scaling has."""
        unused = {("knots", ()), ("smooth", False)}
        return {name: value for name, value in super().plain().items() if (name, value) not in unused}

    @property
    @override
    def features(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} is missing") if self.gaps else (self.name,)

    @override
    def unfamiliar(self, values: pd.Series) -> list[str]:
        missing = int(values.isna().sum())
        if self.gaps or not missing:
            return super().unfamiliar(values)
        return [
            f"column '{self.name}': {missing} of {len(values)} rows have no value, and in the training none was missing"
        ]

    @override
    def encode(self, values: pd.Series) -> Features:
        found = self.numbers(values)
        value = np.nan_to_num(found)
        return np.concatenate([value, np.isnan(found)], 1) if self.gaps else value

    @override
    def numbers(self, values: pd.Series) -> Features:
        found = numbers(values, f"column '{self.name}'")
        if self.knots:
            return self._normal(found)[:, None]
        scaled = (found - self.mean) / self.std
        limited = scaled / np.hypot(1, scaled / SMOOTH_LIMIT) if self.smooth else scaled.clip(-LIMIT, LIMIT)
        return limited[:, None]

    def _normal(self, found: Features) -> Features:
        """The normal quantile of each value's level; of a value that fills several levels, of their middle."""
        knots = np.array(self.knots)
        levels = np.linspace(0, 1, len(knots))
        upper, lower = np.interp(found, knots, levels), -np.interp(-found, -knots[::-1], -levels[::-1])
        middle = ((upper + lower) / 2).clip(LEVEL, 1 - LEVEL)
        normal: Features = torch.special.ndtri(torch.from_numpy(middle)).numpy()
        return normal


def _knots(known: Features) -> tuple[float, ...]:
    """Quantiles at evenly spaced levels, of rows among which no value fills more than one of :data:`SHARES`.

    Else the values beside a frequent one, as the amounts of the few who have any, would share a few levels. So does
    LightGBM divide the values of a column into bins (Ke et al., NeurIPS 2017): a frequent value has one of its own, and
    the others are as fine as if it was not there.
    """
    values, counts = np.unique(known, return_counts=True)
    limited = np.repeat(values, np.minimum(counts, -(-len(known) // SHARES)))
    levels = np.linspace(0, 1, min(KNOTS, max(len(limited), 2)))
    return tuple(np.quantile(limited, levels).tolist())


@dataclass(frozen=True)
class CategoryColumn(Column):
    """One of several values as an indicator each, the first indicator for all others: missing, rare or unseen ones."""

    kind: ClassVar[str] = "category"
    width: ClassVar[tuple[int, int]] = (0, 1)
    values: tuple[str, ...]

    @classmethod
    def fit(cls, name: str, values: pd.Series, most: int) -> "CategoryColumn":
        """The ``most`` frequent values of the training rows, in alphabetical order."""
        counts = names(values).value_counts()
        frequent = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:most]
        return cls(name, tuple(sorted(value for value, _ in frequent)))

    def mostly_others(self, values: pd.Series) -> list[str]:
        """A line for the user if more than half of the training rows have a value that is none of the frequent ones."""
        known = names(values).dropna()
        others = ~known.isin(self.values)
        if not self.values or others.sum() <= len(known) / 2:  # without any, nobody asked for them
            return []
        count = known.nunique()
        return [
            f"column '{self.name}': {others.sum()} of {len(known)} training rows have none of its {len(self.values)} "
            f"most frequent values, of {count}, and are alike to a network; to tell them apart: task.categories={count}"
        ]

    @property
    @override
    def features(self) -> tuple[str, ...]:
        return (f"{self.name} = other", *(f"{self.name} = {value}" for value in self.values))

    @override
    def encode(self, values: pd.Series) -> Features:
        codes = self.codes(values)[:, 0] + 1
        out = np.zeros((len(codes), 1 + len(self.values)), dtype=np.float32)
        out[np.arange(len(codes)), codes] = 1
        return out

    @override
    def unfamiliar(self, values: pd.Series) -> list[str]:
        known = names(values).dropna()
        unseen = known[np.isnan(places(known, self.values))]
        if len(unseen) <= len(known) / 2:
            return super().unfamiliar(values)
        shown = ", ".join(f"'{value}'" for value in self.values[:5])
        return [
            f"column '{self.name}': {len(unseen)} of {len(known)} values, such as '{unseen.iloc[0]}', were rare in the "
            f"training or not there, and count as missing; it had {shown}"
        ]

    @override
    def codes(self, values: pd.Series) -> Features:
        self._check_rounding(values)
        found: Features = np.nan_to_num(places(names(values), self.values), nan=-1).astype(np.int64)
        return found[:, None]

    def _check_rounding(self, values: pd.Series) -> None:
        """InputError for whole numbers in double precision, where those of the training are finer than that."""
        if not is_float_dtype(values) or not any(_is_rounded(value) for value in self.values):
            return
        large = np.flatnonzero(np.abs(values.to_numpy(dtype="float64", na_value=np.nan)) >= EXACT)
        if len(large):
            row = large[0]
            raise InputError(
                f"column '{self.name}': row {values.index[row] + 1} holds {values.iloc[row]:.15g} in double precision, "
                "in which whole numbers of that size become one another: give them as whole numbers, or as texts"
            )


def _is_rounded(text: str) -> bool:
    """Whether a text is a whole number that double precision does not hold."""
    return LONG.fullmatch(text) is not None and int(float(text)) != int(text)


@dataclass(frozen=True)
class TimeColumn(Column):
    """A moment as its place on the time axis, standardised, and as angles in the day, the week and the year.

    A year from 9999 on means "no end", and the year 1 "no beginning". They are at the ends of the axis, and the other
    times are standardised without them.
    """

    kind: ClassVar[str] = "time"
    width: ClassVar[tuple[int, int]] = (8, 0)
    mean: float  # seconds since 1970, UTC
    std: float

    @classmethod
    def fit(cls, name: str, values: pd.Series) -> "TimeColumn":
        """From the training rows."""
        found = _seconds(times(values, f"column '{name}'"))
        known = found[(found >= NO_BEGINNING) & (found < NO_END)]  # no missing ones either
        std = float(known.std()) if len(known) else 0.0
        return cls(name, float(known.mean()) if len(known) else 0.0, std if std > 0 else 1.0)

    @property
    @override
    def features(self) -> tuple[str, ...]:
        angles = [f"{part} of {unit}" for unit in ("day", "week", "year") for part in ("sine", "cosine")]
        return tuple(f"{self.name}: {what}" for what in ("axis", *angles, "missing"))

    @override
    def encode(self, values: pd.Series) -> Features:
        found = _seconds(times(values, f"column '{self.name}'"))
        days = found / DAY
        turns = np.stack([days, (days - 4) / 7, days / 365.2425]) * (2 * np.pi)  # 1970-01-05 was a Monday
        angles = [wave(turn) for turn in turns for wave in (np.sin, np.cos)]
        axis = ((found - self.mean) / self.std).clip(-LIMIT, LIMIT)
        features: Features = np.nan_to_num(np.stack([axis, *angles, np.isnan(found)], 1))
        return features

    @override
    def numbers(self, values: pd.Series) -> Features:
        return self.encode(values)


def _seconds(values: pd.Series) -> Features:
    # In seconds, since nanoseconds end in the year 2262
    since = (values - pd.Timestamp(0, tz="UTC").as_unit("s")).dt.total_seconds()
    seconds: Features = since.to_numpy(dtype="float64", na_value=np.nan)
    return seconds


@dataclass(frozen=True)
class Encoding:
    """How the columns of a table become ``[N, F]``: what a prediction has to repeat.

    Attributes:
        columns: the encoded columns, in order.
    """

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, kinds: Mapping[str, str], most: int, way: str = "standard") -> "Encoding":
        """How columns are encoded.

        Args:
            frame: the training rows.
            kinds: by column.
            most: values of a category.
            way: how numbers are scaled, one of :data:`WAYS`.

        Returns:
            The encoding.

        Raises:
            InputError: no column is left, or one holds something else than its kind.
        """
        fitted: list[Column] = []
        for name, kind in kinds.items():
            if kind == "number":
                fitted.append(NumberColumn.fit(name, frame[name], way))
            elif kind == "category":
                fitted.append(CategoryColumn.fit(name, frame[name], most))
            elif kind == "time":
                fitted.append(TimeColumn.fit(name, frame[name]))
        if not fitted:
            raise InputError("no input column is left: all are targets, constant, missing or texts; see task.columns")
        return cls(tuple(fitted))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the F features."""
        return tuple(feature for column in self.columns for feature in column.features)

    @property
    def most_values(self) -> int:
        """How many categories a column has at most, others not counted."""
        return max((len(one.values) for one in self.columns if isinstance(one, CategoryColumn)), default=0)

    def encode(self, frame: pd.DataFrame) -> Tensor:
        """Rows to ``[N, F]`` float. InputError for a column that is missing."""
        self.check(frame)
        out = torch.empty(len(frame), len(self.features))
        start = 0
        for column in self.columns:
            encoded = torch.from_numpy(column.encode(frame[column.name]))
            out[:, start : start + encoded.shape[1]] = encoded
            start += encoded.shape[1]
        return out

    def check(self, frame: pd.DataFrame) -> None:
        """InputError for a column that is missing."""
        for column in self.columns:
            if column.name not in frame.columns:
                raise absent("input column", column.name, frame.columns)

    @property
    def shape(self) -> dict[str, tuple[int, ...]]:
        """Of what :meth:`columns_of` gives, without the rows."""
        sizes = (sum(widths) for widths in zip(*(column.width for column in self.columns), strict=True))
        return {key: (size,) for key, size in zip(("numbers", "categories"), sizes, strict=True) if size}

    def columns_of(self, frame: pd.DataFrame, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """Rows to ``numbers [N, F]`` and ``categories [N, C]``, or the one of them that the table has.

        Args:
            frame: the rows.
            dtype: of the numbers.

        Returns:
            Numbers are NaN where missing; times are numbers. Categories are -1 where missing, rare or unseen.

        Raises:
            InputError: a column is missing.
        """
        self.check(frame)
        numbers = np.concatenate([column.numbers(frame[column.name]) for column in self.columns], 1)
        codes = np.concatenate([column.codes(frame[column.name]) for column in self.columns], 1)
        out = {"numbers": torch.tensor(numbers, dtype=dtype), "categories": torch.tensor(codes)}
        return {key: out[key] for key in self.shape}

    def plain(self) -> list[dict[str, Any]]:
        """As plain values, for a JSON file."""
        return [column.plain() for column in self.columns]

    @classmethod
    def of(cls, plain: Sequence[Mapping[str, Any]]) -> "Encoding":
        """The encoding that :meth:`plain` wrote down."""
        kinds = {one.kind: one for one in (NumberColumn, CategoryColumn, TimeColumn)}
        columns: list[Column] = []
        for entry in plain:
            fields = {name: value for name, value in entry.items() if name != "kind"}
            columns.append(from_plain(kinds[entry["kind"]], fields))
        return cls(tuple(columns))
