"""Numbers that a target of some kind cannot have."""

import numpy as np
import pandas as pd

from mtl.errors import InputError


def check_numbers(
    column: pd.Series, found: np.ndarray, what: str, kind: str, primary: str | None, *, logarithm: bool
) -> None:
    """InputError for the first number that a target of this kind, metric and transform cannot have."""
    if kind == "count":
        _check_counts(column, found, what)
    if primary == "mape":
        _check_none_is_zero(column, found, what)
    if logarithm:
        _check_logarithms(column, found, what)


def _check_counts(column: pd.Series, found: np.ndarray, what: str) -> None:
    """InputError for the first value that is no count."""
    bad = np.flatnonzero((found < 0) | (found % 1 > 0))
    if len(bad):
        raise InputError(
            f"{what}: row {column.index[bad[0]] + 1} holds {found[bad[0]]:g}, and a count is a whole number, 0 or more"
        )


def check_times(column: pd.Series, found: np.ndarray, what: str) -> None:
    """InputError for the first value that is no time until an event."""
    bad = np.flatnonzero(found < 0)
    if len(bad):
        raise InputError(f"{what}: row {column.index[bad[0]] + 1} holds {found[bad[0]]:g}, and a time is not negative")


def _check_logarithms(column: pd.Series, found: np.ndarray, what: str) -> None:
    """InputError for the first value below 0."""
    bad = np.flatnonzero(found < 0)
    if len(bad):
        raise InputError(f"{what}: transform=log, and row {column.index[bad[0]] + 1} holds {found[bad[0]]:g}, below 0")


def _check_none_is_zero(column: pd.Series, found: np.ndarray, what: str) -> None:
    """InputError for the first value to which no error is relative."""
    zeros = np.flatnonzero(found == 0)
    if len(zeros):
        raise InputError(
            f"{what}: row {column.index[zeros[0]] + 1} holds 0, of which no error is a share: choose another primary "
            "than mape"
        )
