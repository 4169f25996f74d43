"""Numbers that a user gives to a weighting: finite, and in the range that the method is defined for."""

from mtl.config import numbers


def check_number(
    option: str,
    value: float,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Refuse a number that is not finite, or lies outside the bounds that are given.

    Args:
        option: its name below ``weighting``, for the message.
        value: what was given.
        above: lower bound that is not allowed itself.
        least: lower bound.
        below: upper bound that is not allowed itself.
        most: upper bound.

    Raises:
        InputError: the option, the value and the range.
    """
    numbers.check_number(f"weighting.{option}", value, above=above, least=least, below=below, most=most)
