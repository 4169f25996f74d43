"""What a task is made with from Python: of another value its loss would be NaN, or a metric that of something else."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from mtl.config.numbers import check_number, is_number
from mtl.errors import InputError


def check_standard(task: str, mean: float, std: float) -> None:
    """InputError unless labels can be standardised so: by a finite mean, and a standard deviation above 0."""
    check_number(f"mean of task '{task}'", float(mean))
    check_number(f"std of task '{task}'", float(std), above=0)


def check_smoothing(task: str, smoothing: float) -> None:
    """InputError unless it is a share of a label that leaves something of it."""
    check_number(f"smoothing of task '{task}'", smoothing, least=0, below=1)


def check_class_weights(task: str, weights: Sequence[float] | None, classes: int) -> None:
    """InputError unless there is one weight, 0 or more, for each class; None: there are no weights."""
    if weights is not None and (len(weights) != classes or not all(is_number(one) and one >= 0 for one in weights)):
        raise InputError(f"weights of task '{task}'={list(weights)}: expected {classes} numbers, 0 or more each")


def check_increasing(
    what: str, values: Sequence[float], expected: str, fits: Callable[[Sequence[float]], bool]
) -> None:
    """InputError unless these are finite numbers, each larger than the one before.

    Args:
        what: what they are called, for the message.
        values: the numbers.
        expected: what they should be, for the message.
        fits: whether increasing numbers are what is expected.
    """
    ordered = all(is_number(one) for one in values) and all(low < high for low, high in pairwise(values))
    if not ordered or not fits(values):
        raise InputError(f"{what}={list(values)}: expected {expected}")
