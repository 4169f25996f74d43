"""From a column to a task's labels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mtl.errors import InputError, unknown
from mtl.suites.table.class_order import order_binary, order_ordinal, ordered
from mtl.suites.table.columns import check_precision, names, numbers, places
from mtl.suites.table.fields import from_plain
from mtl.suites.table.target_checks import check_numbers, check_times
from mtl.suites.table.target_specs import NUMERIC, TargetSpec
from mtl.tasks import NO_LABEL, Task, binary, classification, count, labelled, ordinal, quantiles, regression, survival
from mtl.tasks.concordance import Concordance
from mtl.tasks.kinds import chosen_metric, given_upstream

BASIC = ("task", "column", "kind", "values", "mean", "std")  # fields that every target has
FAR = 1000.0  # standard deviations from zero, from which on single precision tells few labels apart
INTERVALS = 20  # in which an event comes, with about as many events in each
DIGITS = 6  # of a label's spread that are written
KNOTS = 100  # quantiles of a target at most
MANY = 20  # classes, from which on single rows of most of them are worth a line


@dataclass(frozen=True)
class Target:
    """A column that is to be predicted.

    Attributes:
        task: name of the task.
        column: name of the column.
        kind: one of :data:`~mtl.suites.table.target_specs.KINDS`.
        values: the classes in the order of their numbers; of a binary target no, then yes.
        mean, std: of the training rows, by which numbers are standardised inside their loss; their metrics are in the
            units of the column.
        offset: of a regression or quantiles, taken off the labels and added to what is predicted, in double precision.
            Not 0 where labels are so far from 0 that single precision would merge them; errors and R2 are the same.
        low, high: of numbers, the smallest and largest training label if predictions are limited to them.
        primary: the metric by which it is compared; empty: that of its kind.
        weights: of the loss of each class; empty: 1 each.
        smoothing: of the labels of classes.
        logarithm: of a regression whose ``log(1 + y)`` is learned, mean and standard deviation of that; else empty.
        knots: of a regression whose normal scores are learned, quantiles of its training labels; else empty.
        levels: of quantiles.
        event: of a time until an event, the column that says whether it came.
        came: its values, no and yes.
        edges: of the intervals in which the event comes.
        given: of a binary target, the task whose yes it needs; empty: none.
        shares: of an ordinal target, those of the values among the training labels.
    """

    task: str
    column: str
    kind: str
    values: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    offset: float = 0.0
    low: float | None = None
    high: float | None = None
    primary: str = ""
    weights: tuple[float, ...] = ()
    smoothing: float = 0.0
    logarithm: tuple[float, ...] = ()
    knots: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    event: str = ""
    came: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    given: str = ""

    @classmethod
    def fit(
        cls, name: str, spec: TargetSpec, frame: pd.DataFrame, train: np.ndarray, weights: np.ndarray | None = None
    ) -> "Target":
        """A target from the whole table, its statistics from the training rows.

        Args:
            name: of the task.
            spec: what the user specifies.
            frame: all rows.
            train: which of them are training rows, ``[N]`` bool.
            weights: of the rows in every loss, ``[N]``, by which balanced classes are counted; None: 1 each.

        Returns:
            The target.

        Raises:
            InputError: no such column, all missing, constant, more than two values of a binary target, a text among
                numbers, a count that is none, a value without a place in the order, one class only or no label in the
                training rows.
        """
        if spec.column not in frame.columns:
            raise unknown("column in task.targets", spec.column, frame.columns)
        column, what = frame[spec.column], f"target '{spec.column}'"
        known = column.notna().to_numpy()
        if not known.any():
            raise InputError(f"{what} is missing in every row")
        if spec.kind == "survival":
            return cls._of_times(name, spec, frame, train)
        if spec.kind in NUMERIC:
            return cls._of_numbers(name, spec, column, known, train)
        return cls._of_classes(name, spec, column, known, train, weights)

    @classmethod
    def _of_numbers(
        cls, name: str, spec: TargetSpec, column: pd.Series, known: np.ndarray, train: np.ndarray
    ) -> "Target":
        what = f"target '{spec.column}'"
        check_precision(column, what)
        found = numbers(column, what)
        check_numbers(column, found, what, spec.kind, spec.primary, logarithm=spec.transform == "log")
        if np.unique(found[known]).size < 2:
            raise InputError(f"{what} is the same in every row: {found[known][0]:g}")
        fitted = found[train & known]
        if fitted.size < 2 or fitted.std() == 0:
            raise InputError(f"{what} has fewer than two different values in the training rows")
        mean, std = float(fitted.mean()), float(fitted.std())
        far = abs(mean) > FAR * std and spec.transform != "log" and spec.kind != "count"
        evenly = np.linspace(0, 1, min(KNOTS, len(fitted)))
        return cls(
            name,
            spec.column,
            spec.kind,
            mean=mean,
            std=std,
            offset=mean if far else 0.0,
            low=float(fitted.min()) if spec.clamp else None,
            high=float(fitted.max()) if spec.clamp else None,
            primary=spec.primary,
            logarithm=_logarithms(fitted) if spec.transform == "log" else (),
            knots=tuple(np.quantile(fitted, evenly).tolist()) if spec.transform == "quantile" else (),
            levels=spec.levels,
        )

    @classmethod
    def _of_times(cls, name: str, spec: TargetSpec, frame: pd.DataFrame, train: np.ndarray) -> "Target":
        what = f"target '{spec.column}'"
        if spec.event not in frame.columns:
            raise unknown(f"column 'event' of {what}", spec.event, frame.columns)
        check_precision(frame[spec.column], what)
        found, texts = numbers(frame[spec.column], what), names(frame[spec.event])
        check_times(frame[spec.column], found, what)
        values = ordered(texts)
        if len(values) != 2:
            shown = ", ".join(f"'{value}'" for value in values[:5]) or "no value"
            raise InputError(f"column '{spec.event}', the event of {what}, holds {shown}: expected yes and no")
        values = order_binary(values, spec, f"column '{spec.event}'")
        known = train & ~np.isnan(found) & texts.notna().to_numpy()
        events = found[known & (texts == values[1]).to_numpy()]
        if np.unique(events).size < 2:
            raise InputError(f"{what} has fewer than two times at which the event came in the training rows")
        inner = np.unique(np.quantile(events, np.linspace(0, 1, INTERVALS + 1)[1:]))
        # The last interval ends behind the last training row, so that what happened there came within it
        last = np.nextafter(np.float32(found[known].max()), np.float32(np.inf))
        edges = [0.0, *(float(edge) for edge in inner if 0 < edge < found[known].max()), float(last)]
        return cls(
            name,
            spec.column,
            spec.kind,
            mean=float(found[known].mean()),
            std=float(found[known].std()),
            primary=spec.primary,
            event=spec.event,
            came=tuple(values),
            edges=tuple(edges),
        )

    @classmethod
    def _of_classes(
        cls,
        name: str,
        spec: TargetSpec,
        column: pd.Series,
        known: np.ndarray,
        train: np.ndarray,
        weights: np.ndarray | None,
    ) -> "Target":
        what, texts = f"target '{spec.column}'", names(column)
        values = ordered(texts)
        if len(values) < 2:
            raise InputError(f"{what} is the same in every row: '{values[0]}'")
        if spec.kind == "binary":
            if len(values) > 2:
                shown = ", ".join(f"'{v}'" for v in values[:5]) + (", ..." if len(values) > 5 else "")
                raise InputError(f"{what} is to be binary and has {len(values)} values: {shown}; or is it classes?")
            values = order_binary(values, spec, what)
        if spec.kind == "ordinal":
            values = order_ordinal(values, spec, what)
        counts = texts[train & known].value_counts()
        if len(counts) < 2:
            only = f"one class only, {counts.index[0]!r}," if len(counts) else "no label"
            raise InputError(f"{what} has {only} in the training rows")
        shares = (
            counts
            if weights is None
            else pd.Series(weights)[train & known].groupby(texts.to_numpy()[train & known]).sum()
        )
        return cls(
            name,
            spec.column,
            spec.kind,
            tuple(values),
            primary=spec.primary,
            weights=_balanced(shares, values, what) if spec.balanced else (),
            smoothing=spec.smoothing,
            given=spec.given,
            shares=_smoothed(counts, values) if spec.kind == "ordinal" else (),
        )

    def plain(self) -> dict[str, Any]:
        """The fields as plain values, for a JSON file; of the optional ones those that are used."""
        usual = {one.name: one.default for one in fields(self)}
        return {name: value for name, value in vars(self).items() if name in BASIC or value != usual[name]}

    @property
    def labels(self) -> dict[str, Any]:
        """What the labels and their measure depend on: all of :meth:`plain` but how a prediction is composed."""
        return {name: value for name, value in self.plain().items() if name != "given"}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Target":
        """The target that :meth:`plain` wrote down."""
        return from_plain(cls, plain)

    def encode(self, frame: pd.DataFrame) -> Tensor:
        """Labels ``[N]``: float for binary (0, 1, NaN) and numbers (NaN), integer for all classes (-100).

        Of times until an event ``[N, 2]``, the time and whether it came; NaN twice where one of them is missing.
        """
        if self.kind == "survival":
            times = numbers(frame[self.column], f"target '{self.column}'")
            both = np.stack([times, places(names(frame[self.event]), self.came)], 1)
            both[np.isnan(both).any(1)] = np.nan
            return torch.tensor(both, dtype=torch.float32)
        if self.kind in NUMERIC:
            found = numbers(frame[self.column], f"target '{self.column}'")
            return torch.tensor(found - self.offset, dtype=torch.float32)
        codes = places(names(frame[self.column]), self.values)
        if self.kind == "binary":
            return torch.tensor(codes, dtype=torch.float32)
        return torch.from_numpy(np.nan_to_num(codes, nan=NO_LABEL).astype(np.int64))

    def unknown(self, frame: pd.DataFrame) -> pd.Series:
        """The labels that are none of the target's values, as rows of another file may have them; None elsewhere."""
        column, values = (self.event, self.came) if self.kind == "survival" else (self.column, self.values)
        if not values:
            return pd.Series(None, index=frame.index, dtype=object)
        texts = names(frame[column])
        return texts.where(np.isnan(places(texts, values)), None)

    def check_values(self, frame: pd.DataFrame) -> None:
        """InputError for the first label that :meth:`fit` would have refused, of rows that it has not seen.

        A class of which there are several may be a new one.
        """
        what, strange = f"target '{self.column}'", self.unknown(frame).dropna()
        if len(strange) and self.kind in ("binary", "survival"):
            no, yes = self.came or self.values
            where = f"column '{self.event}', the event of {what}" if self.event else what
            raise InputError(
                f"{where}: row {strange.index[0] + 1} holds '{strange.iloc[0]}', which is neither '{no}' nor '{yes}'"
            )
        if self.kind not in NUMERIC:
            return
        column = frame[self.column]
        found = numbers(column, what)
        if self.kind == "survival":
            check_times(column, found, what)
        check_numbers(column, found, what, self.kind, self.primary, logarithm=bool(self.logarithm))

    def check(self, labels: Tensor, split: str) -> None:
        """InputError if the labels of a split are too few to be measured."""
        known = labels[labelled(labels)]
        if self.kind == "binary" and not ((known == 0).any() and (known == 1).any()):
            only = f"only '{self.values[int(known[0])]}'" if len(known) else "no label"
            raise InputError(f"target '{self.column}' has {only} in the {split} split; try another task.split")
        if self.kind == "survival" and not (known[:, 1] > 0).any():
            raise InputError(f"target '{self.column}' has no event in the {split} split; try another task.split")
        if len(known) < 2:
            raise InputError(f"target '{self.column}' has {len(known)} labels in the {split} split; try other shares")

    def build(self) -> Task:
        """The task. InputError for a primary metric that its kind does not have."""
        if self.kind == "binary":
            primary = self.primary or "auroc"
            made = binary(self.task, primary=primary, weights=self.weights or None, smoothing=self.smoothing)
            return given_upstream(made, self.given) if self.given else made
        if self.kind == "classes":
            primary, weights = self.primary or "accuracy", self.weights or None
            return classification(
                self.task, len(self.values), primary=primary, weights=weights, smoothing=self.smoothing
            )
        if self.kind == "ordinal":
            return ordinal(self.task, self.shares, primary=self.primary or "mae")
        if self.kind == "survival":
            chosen_metric(self.task, self.primary or "concordance", {"concordance": Concordance})
            return survival(self.task, self.edges)
        bounded = self.low is not None and self.high is not None
        limits = (self._plain(self.low or 0.0), self._plain(self.high or 0.0)) if bounded else (None, None)
        if self.kind == "count":
            return count(self.task, self.mean, limits=limits, primary=self.primary or "deviance")
        mean = self._plain(self.mean)
        if self.kind == "quantiles":
            return quantiles(self.task, self.levels, mean, self.std, limits=limits, primary=self.primary or "pinball")
        return regression(
            self.task,
            mean=mean,
            std=self.std,
            limits=limits,
            logarithm=(self.logarithm[0], self.logarithm[1]) if self.logarithm else None,
            primary=self.primary or "r2",
            offset=self.offset,
            knots=tuple(self._plain(knot) for knot in self.knots),
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the numbers that a prediction consists of; empty: it is one, or names a class."""
        return tuple(f"q{level:g}" for level in self.levels)

    def _plain(self, value: float) -> float:
        return value - self.offset

    def own_units(self, values: np.ndarray) -> list[float]:
        """Decoded predictions of numbers as values of the column, ``[N]``.

        They have as many digits as single precision can tell apart in the spread of the labels, and six at least.
        """
        decimals = DIGITS - math.floor(math.log10(self.std))
        found = (values.astype(np.float64) + self.offset).tolist()
        return [float(f"{value:.{max(DIGITS, _whole_digits(value) + decimals)}g}") for value in found]


def _whole_digits(value: float) -> int:
    """How many digits a number has before the point; 0 or less for one below 1."""
    return math.floor(math.log10(abs(value))) + 1 if value and math.isfinite(value) else 0


def _logarithms(fitted: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the training labels' ``log(1 + y)``."""
    logs = np.log1p(fitted)
    return float(logs.mean()), float(logs.std())


def rare_classes(target: Target, frame: pd.DataFrame, train: np.ndarray) -> list[str]:
    """Notes if a value of a target is in no training row, so that nothing of it is learned, or most are in one row.

    Args:
        target: of any kind; only one of several classes is looked at.
        frame: all rows.
        train: numbers of the training rows.

    Returns:
        The notes.
    """
    if target.kind not in ("classes", "ordinal"):
        return []
    texts = names(frame[target.column])
    counts = texts.value_counts()
    if len(counts) > MANY and (counts == 1).sum() > len(counts) / 2:
        return [
            f"target '{target.column}' has {len(counts)} classes, most of them in one row only: is it a number (kind "
            "regression) or an identifier?"
        ]
    unseen = sorted(set(counts.index) - set(texts.iloc[train].dropna()))
    if not unseen:
        return []
    shown = ", ".join(f"'{value}'" for value in unseen[:3]) + (", ..." if len(unseen) > 3 else "")
    return [f"target '{target.column}': {shown} is in no training row, so that it is not learned"]


def _balanced(counts: pd.Series, values: Sequence[str], what: str) -> tuple[float, ...]:
    """Weights by which each value counts alike. InputError for one that is in no training row."""
    missing = [value for value in values if not counts.get(value, 0)]
    if missing:
        raise InputError(f"{what}: weights=balanced, and '{missing[0]}' is in no training row that counts")
    return tuple(float(counts.sum() / (len(values) * counts[value])) for value in values)


def _smoothed(counts: pd.Series, values: Sequence[str]) -> tuple[float, ...]:
    """Shares of the values, none of them 0: each is counted half a time more."""
    more = [float(counts.get(value, 0)) + 0.5 for value in values]
    return tuple(one / sum(more) for one in more)
