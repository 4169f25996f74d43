"""Whether an environment, and the report that it gives, are what they have to be, as own ones may not."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from mtl.agent.report import ExecutionReport
from mtl.config.folders import PACKAGE
from mtl.errors import InputError
from mtl.runs.contributions import Outcome

if TYPE_CHECKING:
    from mtl.agent.environment import Environment

PLAIN = (str, int, float, bool, type(None))  # values that a file of JSON can hold


def check_requires(environment: "Environment") -> None:
    """InputError where an environment does not say what it requires of a run in the way that it is read."""
    name, requires, suite = type(environment).__name__, environment.requires, environment.suite
    if not isinstance(requires, Mapping) or not all(isinstance(kind, str) for kind in requires.values()):
        raise InputError(
            f"{name}.requires: expected a mapping from tasks to their kinds, such as {{'late': 'binary'}}, found "
            f"{requires!r}"
        )
    if not isinstance(suite, type):
        raise InputError(f"{name}.suite: expected a class of suites, found {suite!r}")


def check_report(report: object, environment: "Environment") -> ExecutionReport:
    """The report of an environment.

    Args:
        report: what its ``run`` gave.
        environment: that gave it.

    Returns:
        The report.

    Raises:
        InputError: it is none; its records have unlike columns or values that no file can hold; its summary is no
            numbers; its outcome is none.
    """
    if not isinstance(report, ExecutionReport):
        raise InputError(
            f"{type(environment).__name__}.run: expected an ExecutionReport, and got a {type(report).__name__}"
        )
    name = type(report).__name__
    if type(report).__module__.partition(".")[0] == PACKAGE.name:  # tests see to these, which may have many rows
        return report
    _check_records(report.records(), name)
    _check_summary(report.summary(), name)
    outcome: object = report.outcome()
    if outcome is not None:
        _check_outcome(outcome, name)
    return report


def _check_records(records: object, name: str) -> None:
    if not isinstance(records, Sequence) or isinstance(records, str):
        raise InputError(f"{name}.records: expected a list, found a {type(records).__name__}")
    for number, record in enumerate(records, 1):
        if not isinstance(record, Mapping):
            raise InputError(f"{name}.records: record {number} is a {type(record).__name__}: expected a mapping")
        if record.keys() != records[0].keys():
            odd = sorted(map(str, record.keys() ^ records[0].keys()))
            raise InputError(
                f"{name}.records: expected all records to have the same columns; record {number} and the first one "
                f"differ in {', '.join(odd)}"
            )
        for column, value in record.items():
            if not isinstance(value, PLAIN):
                raise InputError(
                    f"{name}.records: '{column}' of record {number} is a {_kind(value)}: expected a text, a number, "
                    "true or false, or None"
                )


def _check_summary(summary: object, name: str) -> None:
    if not isinstance(summary, Mapping):
        raise InputError(f"{name}.summary: expected numbers by name, found a {type(summary).__name__}")
    for key, value in summary.items():
        if not isinstance(key, str) or not isinstance(value, int | float):
            raise InputError(f"{name}.summary: {key!r} is a {_kind(value)}: expected a number by name")


def _check_outcome(outcome: object, name: str) -> None:
    if not isinstance(outcome, Outcome):
        raise InputError(f"{name}.outcome: expected an Outcome or None, found a {type(outcome).__name__}")
    values: object = outcome.values
    if not isinstance(values, np.ndarray) or values.ndim != 1 or not len(values) or values.dtype.kind not in "fiub":
        raise InputError(
            f"{name}.outcome: expected values of one instance or more, an array [instances] of numbers, found "
            f"{_shape(values)}"
        )
    if not np.isfinite(values).all():
        raise InputError(f"{name}.outcome: {int((~np.isfinite(values)).sum())} of {len(values)} values are no numbers")
    if outcome.groups is not None and np.shape(outcome.groups) != values.shape:
        raise InputError(f"{name}.outcome: expected a group of each of {len(values)} instances")
    scale: object = outcome.scale
    if scale is not None and not (isinstance(scale, int | float) and 0 < scale < inf):
        raise InputError(f"{name}.outcome: scale={scale!r}: expected a number above 0, or None")


def _kind(value: Any) -> str:
    module = type(value).__module__.partition(".")[0]
    return type(value).__name__ if module in ("builtins", "__main__") else f"{module}.{type(value).__name__}"


def _shape(value: Any) -> str:
    return f"an array {value.shape} of {value.dtype}" if isinstance(value, np.ndarray) else f"a {_kind(value)}"
