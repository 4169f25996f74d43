"""Numbers that a user gives to a weighting: finite, and in the range that the method is defined for."""

from mtl.config import numbers


def check_number(
    option: str,
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
        option: its name below ``weighting``, for the message.
        value: what was given.
        whole: whether it counts something, so that it has to be an ``int``.
        above: lower bound that is not allowed itself.
        least: lower bound.
        below: upper bound that is not allowed itself.
        most: upper bound.

    Raises:
        InputError: the option, the value and the range.
    """
    name = f"weighting.{option}"
    if whole:
        numbers.check_number(name, value, whole=True, above=above, least=least, below=below, most=most)
    else:
        numbers.check_factor(name, value, above=above, least=least, below=below, most=most)
