"""From a column to a task's labels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mtl.errors import InputError, unknown
from mtl.suites.table.columns import names, numbers
from mtl.suites.table.delimited import NUMBER
from mtl.tasks import NO_LABEL, Task, binary, classification, labelled, regression

KINDS = ("binary", "classes", "regression")
KEYS = ("column", "kind", "positive", "clamp", "primary", "weights", "transform")
BASIC = ("task", "column", "kind", "values", "mean", "std")  # fields that every target has
FAR = 1000.0  # standard deviations from zero, from which on single precision tells few labels apart
DIGITS = 6  # of a label's spread that are written
# Pairs of texts whose second means yes; of any other pair the second in alphabetical order does
YES = {"yes", "y", "true", "t", "1", "positive"}


@dataclass(frozen=True)
class Target:
    """A column that is to be predicted.

    Attributes:
        task: name of the task.
        column: name of the column.
        kind: binary, classes or regression.
        values: the classes in the order of their numbers; of a binary target no, then yes.
        mean, std: of the training rows, by which a regression is standardised inside its loss; its metrics are in the
            units of the column.
        offset: of a regression, taken off the labels and added to what is predicted, in double precision. Not 0 where
            labels are so far from 0 that single precision would merge them; errors and R2 are the same.
        low, high: of a regression, the smallest and largest training label if predictions are limited to them.
        primary: the metric by which it is compared; empty: that of its kind.
        weights: of the loss of each class; empty: 1 each.
        logarithm: of a regression whose ``log(1 + y)`` is learned, mean and standard deviation of that; else empty.
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
    logarithm: tuple[float, ...] = ()

    @classmethod
    def fit(cls, name: str, spec: "TargetSpec", frame: pd.DataFrame, train: np.ndarray) -> "Target":
        """A target from the whole table, its statistics from the training rows.

        Args:
            name: of the task.
            spec: what the user specifies.
            frame: all rows.
            train: which of them are training rows, ``[N]`` bool.

        Returns:
            The target.

        Raises:
            InputError: no such column, all missing, constant, more than two values of a binary target, a text among
                numbers, one class only or no label in the training rows.
        """
        if spec.column not in frame.columns:
            raise unknown("column in task.targets", spec.column, frame.columns)
        column, what = frame[spec.column], f"target '{spec.column}'"
        known = column.notna().to_numpy()
        if not known.any():
            raise InputError(f"{what} is missing in every row")
        if spec.kind == "regression":
            found = numbers(column, what)
            if np.unique(found[known]).size < 2:
                raise InputError(f"{what} is the same in every row: {found[known][0]:g}")
            fitted = found[train & known]
            if fitted.size < 2 or fitted.std() == 0:
                raise InputError(f"{what} has fewer than two different values in the training rows")
            mean, std = float(fitted.mean()), float(fitted.std())
            offset = mean if abs(mean) > FAR * std and not spec.transform else 0.0
            return cls(
                name,
                spec.column,
                "regression",
                mean=mean,
                std=std,
                offset=offset,
                low=float(fitted.min()) if spec.clamp else None,
                high=float(fitted.max()) if spec.clamp else None,
                primary=spec.primary,
                logarithm=_logarithms(found[known], fitted, what) if spec.transform else (),
            )
        texts = names(column)
        values = _ordered(texts)
        if len(values) < 2:
            raise InputError(f"{what} is the same in every row: '{values[0]}'")
        if spec.kind == "binary":
            if len(values) > 2:
                shown = ", ".join(f"'{v}'" for v in values[:5]) + (", ..." if len(values) > 5 else "")
                raise InputError(f"{what} is to be binary and has {len(values)} values: {shown}; or is it classes?")
            values = _order_binary(values, spec, what)
        seen = set(texts[train & known])
        if len(seen) < 2:
            raise InputError(
                f"{what} has {f'one class only, {seen.pop()!r},' if seen else 'no label'} in the training rows"
            )
        weights: tuple[float, ...] = ()
        if spec.balanced:
            counts = texts[train & known].value_counts()
            if counts.size < len(values):
                missing = next(value for value in values if value not in counts)
                raise InputError(f"{what}: weights=balanced, and '{missing}' is in no training row")
            weights = tuple(float(counts.sum() / (len(values) * counts[value])) for value in values)
        return cls(name, spec.column, spec.kind, tuple(values), primary=spec.primary, weights=weights)

    def plain(self) -> dict[str, Any]:
        """The fields as plain values, for a JSON file; of the optional ones those that are used."""
        return {name: value for name, value in vars(self).items() if name in BASIC or value not in (0, None, "", ())}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Target":
        """The target that :meth:`plain` wrote down."""
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
        return cls(**fields)

    def encode(self, frame: pd.DataFrame) -> Tensor:
        """Labels ``[N]``: float for binary (0, 1, NaN) and regression (NaN), integer for classes (-100)."""
        if self.kind == "regression":
            found = numbers(frame[self.column], f"target '{self.column}'")
            return torch.tensor(found - self.offset, dtype=torch.float32)
        index = {value: i for i, value in enumerate(self.values)}
        codes = names(frame[self.column]).map(index).to_numpy(dtype="float64", na_value=np.nan)
        if self.kind == "binary":
            return torch.tensor(codes, dtype=torch.float32)
        return torch.from_numpy(np.nan_to_num(codes, nan=NO_LABEL).astype(np.int64))

    def check(self, labels: Tensor, split: str) -> None:
        """InputError if the labels of a split are too few to be measured."""
        known = labels[labelled(labels)]
        if self.kind == "binary" and not ((known == 0).any() and (known == 1).any()):
            only = f"only '{self.values[int(known[0])]}'" if len(known) else "no label"
            raise InputError(f"target '{self.column}' has {only} in the {split} split; try another task.split")
        if len(known) < 2:
            raise InputError(f"target '{self.column}' has {len(known)} labels in the {split} split; try other shares")

    def build(self) -> Task:
        """The task. InputError for a primary metric that its kind does not have."""
        if self.kind == "binary":
            return binary(self.task, primary=self.primary or "auroc", weights=self.weights or None)
        if self.kind == "classes":
            primary, weights = self.primary or "accuracy", self.weights or None
            return classification(self.task, len(self.values), primary=primary, weights=weights)
        bounded = self.low is not None and self.high is not None
        return regression(
            self.task,
            mean=self._plain(self.mean),
            std=self.std,
            limits=(self._plain(self.low or 0.0), self._plain(self.high or 0.0)) if bounded else (None, None),
            logarithm=(self.logarithm[0], self.logarithm[1]) if self.logarithm else None,
            primary=self.primary or "r2",
        )

    def _plain(self, value: float) -> float:
        return value - self.offset

    def own_units(self, values: np.ndarray) -> list[float]:
        """Decoded predictions of a regression as values of the column, ``[N]``.

        They have as many digits as single precision can tell apart in the spread of the labels, and six at least.
        """
        decimals = DIGITS - math.floor(math.log10(self.std))
        found = (values.astype(np.float64) + self.offset).tolist()
        return [float(f"{value:.{max(DIGITS, _whole_digits(value) + decimals)}g}") for value in found]


def _whole_digits(value: float) -> int:
    """How many digits a number has before the point; 0 or less for one below 1."""
    return math.floor(math.log10(abs(value))) + 1 if value and math.isfinite(value) else 0


@dataclass(frozen=True)
class TargetSpec:
    """A target as the user specifies it.

    Attributes:
        column: name of the column.
        kind: one of :data:`KINDS`.
        positive: of a binary target, the value that means yes; empty: found by its name.
        clamp: of a regression, predictions are limited to the range of the training labels.
        primary: the metric by which it is compared; empty: that of its kind.
        balanced: the losses of classes are weighted so that each class counts as much as any other.
        transform: ``log`` of a regression, whose ``log(1 + y)`` is then learned; else empty.
    """

    column: str
    kind: str
    positive: str = ""
    clamp: bool = False
    primary: str = ""
    balanced: bool = False
    transform: str = ""


def parse_targets(given: Mapping[str, str | Mapping[str, Any]]) -> dict[str, TargetSpec]:
    """Targets by task name, from ``{column: kind}`` or ``{task: {column: ..., kind: ..., ...}}``.

    A task is named like its column, with underscores for what a name cannot hold.

    Args:
        given: the targets as a config has them.

    Returns:
        What the user specifies of every target.

    Raises:
        InputError: no target, an unknown kind or key, two tasks of one name.
    """
    if not given:
        raise InputError("task.targets is empty: name what to predict, e.g. 'task.targets={churn: binary}'")
    check_targets(given, "task.targets")
    found: dict[str, TargetSpec] = {}
    for key, value in given.items():
        entry = {"kind": value} if not isinstance(value, Mapping) else value
        for word in entry:
            if word not in KEYS:
                raise unknown(f"key of target '{key}'", word, KEYS)
        if entry.get("kind") not in KINDS:
            raise unknown(f"kind of target '{key}'", str(entry.get("kind")), KINDS)
        task = identifier(str(key))
        if task in found:
            raise InputError(
                f"task.targets: two targets are named '{task}': name one as {{other: {{column: '{key}'}}}}"
            )
        found[task] = _spec(str(key), entry)
    return found


def _spec(key: str, entry: Mapping[str, Any]) -> TargetSpec:
    """InputError for a value that a key does not take."""
    regression, clamp = entry["kind"] == "regression", entry.get("clamp", False)
    if not isinstance(clamp, bool) or (clamp and not regression):
        raise InputError(f"target '{key}': clamp={clamp}: expected true or false, of a regression only")
    for word, value, fits in (("transform", "log", regression), ("weights", "balanced", not regression)):
        if entry.get(word) is not None and (entry[word] != value or not fits):
            kinds = "a regression" if word == "transform" else "a binary target or of classes"
            raise InputError(f"target '{key}': {word}={entry[word]}: expected {word}={value}, of {kinds}")
    return TargetSpec(
        str(entry.get("column", key)),
        str(entry["kind"]),
        str(entry.get("positive", "")),
        clamp,
        str(entry.get("primary") or ""),
        entry.get("weights") is not None,
        str(entry.get("transform") or ""),
    )


def _logarithms(found: np.ndarray, fitted: np.ndarray, what: str) -> tuple[float, float]:
    """Mean and standard deviation of the training labels' ``log(1 + y)``. InputError for a label below 0."""
    if found.min() < 0:
        raise InputError(f"{what}: transform=log, and {found.min():g} is below 0")
    logs = np.log1p(fitted)
    return float(logs.mean()), float(logs.std())


def check_targets(given: object, where: str) -> None:
    """InputError if the targets say no kind of each."""
    if not isinstance(given, Mapping):
        raise InputError(f"{where}={given}: expected a kind for each column, e.g. '{where}={{churn: binary}}'")


def identifier(text: str) -> str:
    """A text as the name of a task: letters, digits, underscores; no keyword."""
    name = "".join(c if f"_{c}".isidentifier() else "_" for c in text) or "target"
    name = name if name.isidentifier() else f"_{name}"
    return f"{name}_" if iskeyword(name) else name


def _ordered(texts: pd.Series) -> list[str]:
    """Distinct values, numbers by size and texts by alphabet."""
    first = np.flatnonzero(texts.notna() & ~texts.duplicated())
    found = list(texts.iloc[first])
    plain = all(NUMBER.fullmatch(text) for text in found)
    return sorted(found, key=lambda text: (float(text) if plain else 0.0, text))


def _order_binary(values: Sequence[str], spec: TargetSpec, what: str) -> list[str]:
    if spec.positive:
        if spec.positive not in values:
            raise unknown(f"positive value of {what}", spec.positive, values)
        return sorted(values, key=lambda value: value == spec.positive)
    if (values[0].lower() in YES) != (values[1].lower() in YES):
        return sorted(values, key=lambda value: value.lower() in YES)
    return list(values)
