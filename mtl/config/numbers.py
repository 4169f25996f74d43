"""Numbers that a user gives: finite, whole where they count something, and in the range that they are meant for."""

from numbers import Integral, Real
from typing import cast

from mtl.errors import InputError

LARGEST = (2 - 2**-23) * 2.0**127  # of single precision, which training computes in
# Of a number that training multiplies or divides by: a gradient that a larger one scales has no finite norm, and what a
# smaller one divides is not finite
LARGE, SMALL = 1e18, 1e-30
MOST_WHOLE = 2**63 - 1  # the largest whole number of torch


def is_number(value: object, *, whole: bool = False) -> bool:
    """Whether a value is one real number, finite in the precision of training; truth values are none.

    Args:
        value: of any type; numbers of NumPy are numbers too.
        whole: it has to be of a type of whole numbers.

    Returns:
        Whether it is.
    """
    if isinstance(value, bool):
        return False
    if whole:
        return isinstance(value, Integral) and abs(int(value)) <= MOST_WHOLE
    return isinstance(value, Real) and bool(-LARGEST <= cast(float, value) <= LARGEST)


def check_number(
    name: str,
    value: float,
    *,
    whole: bool = False,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Refuse what is no finite number, or lies outside the bounds that are given.

    Args:
        name: what the number is called in the configuration, for the message.
        value: what was given.
        whole: whether it counts something.
        above: lower bound that is not allowed itself.
        least: lower bound.
        below: upper bound that is not allowed itself.
        most: upper bound.

    Raises:
        InputError: the name, the value and the range.
    """
    if (
        is_number(value, whole=whole)
        and (above is None or value > above)
        and (least is None or value >= least)
        and (below is None or value < below)
        and (most is None or value <= most)
    ):
        return
    bounds = [
        f"above {above}" if above is not None else "",
        f"{least} or more" if least is not None else "",
        f"below {below}" if below is not None else "",
        f"at most {most}" if most is not None else "",
    ]
    rule = " and ".join(bound for bound in bounds if bound)
    kind = "whole" if whole else "finite"
    raise InputError(f"{name}={as_given(value)}: expected a {kind} number{', ' if rule else ''}{rule}")


def check_factor(
    name: str,
    value: float,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Refuse what :func:`check_number` does, and numbers of a size that training cannot compute with.

    Args:
        name: what the number is called in the configuration, for the message.
        value: what was given.
        above: lower bound that is not allowed itself.
        least: lower bound.
        below: upper bound that is not allowed itself.
        most: upper bound.

    Raises:
        InputError: the name, the value and the range.
    """
    check_number(name, value, above=above, least=least, below=below, most=most)
    if value and not SMALL <= abs(value) <= LARGE:
        raise InputError(
            f"{name}={as_given(value)}: expected a finite number of a size from {SMALL:g} to {LARGE:g}, with which "
            "single precision can compute"
        )


def as_given(value: object) -> str:
    """A value for a message, with its type where it reads like a number and is none, such as a text or a tensor."""
    try:
        float(str(value))
    except ValueError:
        return str(value)
    return str(value) if isinstance(value, Real) else f"{value} ({type(value).__name__})"
