"""Numbers that a user gives to a part of a run: finite, and in the range that it is defined for."""

from math import inf

from mtl.errors import InputError


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
        option: its key, such as ``model.scale``, for the message.
        value: what was given.
        above: lower bound that is not allowed itself.
        least: lower bound.
        below: upper bound that is not allowed itself.
        most: upper bound.

    Raises:
        InputError: the option, the value and the range.
    """
    try:
        inside = (
            -inf < value < inf
            and (above is None or value > above)
            and (least is None or value >= least)
            and (below is None or value < below)
            and (most is None or value <= most)
        )
    except TypeError:  # no number at all
        inside = False
    if inside:  # never with NaN
        return
    bounds = [
        f"above {above}" if above is not None else "",
        f"{least} or more" if least is not None else "",
        f"below {below}" if below is not None else "",
        f"at most {most}" if most is not None else "",
    ]
    rule = " and ".join(bound for bound in bounds if bound)
    raise InputError(f"{option}={value}: expected a finite number{', ' if rule else ''}{rule}")
