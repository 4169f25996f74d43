"""Columns from which nothing can be learned for new rows: numbers of rows, identifiers, copies of a target."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype

from mtl.config.literals import override_argument
from mtl.suites.table.columns import names
from mtl.suites.table.stacking import EXACT

FEWEST = 20  # rows; among fewer, such patterns come about by chance
DENSE = 0.5  # of the whole numbers of a range, from which on numbers of which none occurs twice are no measurements
APART = 5  # rows of either kind, from which on it is no chance that a column has values in rows of some classes alone
MANY = 200  # rows that are enough to see that two columns are not the same, or not in the same order
NEARLY = 0.9  # of as many values as a target has, from which on a column in the same order is no coarse summary of it
SAME = 1e-9  # below 1, from which on a correlation says that two columns are one but for rounding
CALLED = re.compile(r"(.*[_\s-])?(id|uuid|guid|key|index|idx)|.*[a-z](Id|ID)")


def leak(values: pd.Series, fitted: np.ndarray, labels: Mapping[str, pd.Series]) -> tuple[str, bool]:
    """What speaks against a column as an input.

    Args:
        values: the column, of all rows.
        fitted: numbers of the training rows.
        labels: of the training rows, by the column of the target.

    Returns:
        The reason in a few words, empty if nothing speaks against it; and whether it is beyond doubt.
    """
    reason, sure = _numbering(values)
    if reason:
        return reason, sure
    train = values.iloc[fitted]
    for name, found in labels.items():
        both = (train.notna() & found.notna()).to_numpy()
        enough = both.sum() >= max(FEWEST, found.notna().sum() / 2)
        if enough and train[both].nunique() == found[both].nunique():
            same, recoded = _copies(train[both], found[both])
            if same:
                return f"it is a copy of target '{name}'", True
            if recoded:
                return f"each of its values stands for one of target '{name}'", False
            if _in_other_units(train[both], found[both]):
                return f"it is target '{name}' times a number, or more or less by one", False
        if enough and _in_same_order(train[both], found[both]):
            return f"it orders the rows as target '{name}' does, or the other way round", False
    there = (_there_for_some(train, found, name) for name, found in labels.items())
    return next((reason for reason in there if reason), ""), False


def _numbering(values: pd.Series) -> tuple[str, bool]:
    """What speaks against whole numbers of which none occurs twice, and whether it is beyond doubt."""
    if not is_numeric_dtype(values) or is_bool_dtype(values):
        return "", False
    known = values.dropna()
    if len(known) < FEWEST or not known.is_unique:
        return "", False
    if not is_integer_dtype(known):
        known = known.astype("float64")
        if not (np.isfinite(known) & (known % 1 == 0) & (abs(known) < EXACT)).all():
            return "", False
    if int(known.max()) > np.iinfo(np.int64).max:
        return "", False
    numbers = known.to_numpy(dtype=np.int64)
    steps, rows = np.diff(numbers), np.diff(known.index.to_numpy())
    if (steps == rows).all():
        return "it numbers the rows", True
    span = int(numbers.max()) - int(numbers.min()) + 1
    if len(known) >= DENSE * max(span, len(values)) or CALLED.fullmatch(str(values.name)):
        return "it identifies rows, by whole numbers of which none occurs twice", True
    if len(known) == len(values) and ((steps > 0).all() or (steps < 0).all()):
        return "it becomes larger or smaller from each row to the next, as numbers of rows do", False
    return "", False


def _in_other_units(values: pd.Series, labels: pd.Series) -> bool:
    """Whether numbers are the labels times a number, plus another one, but for rounding."""
    if not is_numeric_dtype(values) or not is_numeric_dtype(labels) or labels.nunique() < FEWEST:
        return False
    both = np.stack([values.to_numpy(dtype=np.float64), labels.to_numpy(dtype=np.float64)])
    if not np.isfinite(both).all():
        return False
    return bool(1 - abs(np.corrcoef(both)[0, 1]) < SAME)


def _in_same_order(values: pd.Series, labels: pd.Series) -> bool:
    """Whether numbers of nearly as many values as the labels are in their order, or the other way round.

    So are the labels' logarithms.
    """
    if not is_numeric_dtype(values) or not is_numeric_dtype(labels):
        return False
    ours, theirs = (found.to_numpy(dtype=np.float64) for found in (values, labels))
    # A few rows say no at once, as they nearly always do
    alike = [sign for sign in (1, -1) if _never_falls(sign * ours[:MANY], theirs[:MANY])]
    if not any(_never_falls(sign * ours, theirs) for sign in alike):
        return False
    fewer, more = sorted((len(np.unique(ours)), len(np.unique(theirs))))
    return fewer >= max(FEWEST, NEARLY * more) and bool(np.isfinite(np.stack([ours, theirs])).all())


def _never_falls(values: np.ndarray, order: np.ndarray) -> bool:
    """Whether values become larger or stay in this order of theirs."""
    ordered = values[np.lexsort((values, order))]
    return bool((ordered[1:] >= ordered[:-1]).all())


def _there_for_some(values: pd.Series, labels: pd.Series, name: str) -> str:
    """What is said of a column that has values in all rows of some classes, and in no row of the others, else nothing.

    As the day on which somebody left, which those who stay do not have.

    Args:
        values: the column.
        labels: of the same rows.
        name: of the target.

    Returns:
        The reason.
    """
    there, known = values.notna().to_numpy(), labels.notna().to_numpy()
    if min((there & known).sum(), (~there & known).sum()) < APART or known.sum() < FEWEST:
        return ""
    having, lacking = names(labels[there & known]), names(labels[~there & known])
    ours, theirs = set(having), set(lacking)
    if ours & theirs or len(ours) + len(theirs) > known.sum() / 2:
        return ""
    if len(theirs) == 1 and len(ours) > 1:
        return f"it has no value exactly where target '{name}' is '{lacking.iloc[0]}'"
    only = f"'{having.iloc[0]}'" if len(ours) == 1 else f"one of {len(ours)} values"
    return f"it has a value exactly where target '{name}' is {only}"


def _copies(values: pd.Series, labels: pd.Series) -> tuple[bool, bool]:
    """Whether values are the labels, and whether they are another way to write few classes."""
    if labels.nunique() > len(labels) / 2 and not names(values.iloc[:MANY]).equals(names(labels.iloc[:MANY])):
        return False, False  # without writing out as many texts as there are rows
    values, labels = names(values), names(labels)
    if values.equals(labels):
        return True, True
    kinds = labels.nunique()
    if values.nunique() != kinds or not 2 <= kinds <= len(labels) / 2:
        return False, False
    return False, len(pd.DataFrame({"value": values, "label": labels}).drop_duplicates()) == kinds


def choice(name: str, kind: str) -> str:
    """What the user types to choose the kind of a column, as far as a command line can hold its name."""
    if name.isascii() and not set(name) & set("'#&;"):
        return override_argument("task.columns", {name: kind})
    return f"task.columns in a config file, with {name}: {kind}"


def leaks(
    frame: pd.DataFrame, kinds: Mapping[str, tuple[str, str]], fitted: np.ndarray, targets: Sequence[str]
) -> dict[str, tuple[str, bool]]:
    """What speaks against the inputs that the user has not chosen.

    Args:
        frame: all rows.
        kinds: kind and remark by column.
        fitted: numbers of the training rows.
        targets: their columns.

    Returns:
        By column, as of :func:`leak`.
    """
    candidates = [
        name
        for name, (kind, remark) in kinds.items()
        if kind in ("number", "category", "time") and not remark and name in frame.columns
    ]
    labels = {target: frame[target].iloc[fitted] for target in targets}
    found = {name: leak(frame[name], fitted, labels) for name in candidates}
    return {name: what for name, what in found.items() if what[0]}
