"""What a comparison tries for every configuration, after a search for one of them."""

from collections.abc import Sequence
from math import exp, log

from mtl.config.overrides import parse_override
from mtl.config.search_space import Dimension, Range

FRACTIONS = (0.25, 0.75)  # of a range, that are tried beside the best value
NOT_OF_ALL = ("task", "model", "weighting")  # the data, and what is compared


def comparison_grid(space: Sequence[Dimension], best: Sequence[str]) -> dict[str, list[str]]:
    """Values of the keys that were searched and that single-task networks have too.

    What suits one network best is no fair choice for another: a comparison chooses for each by itself.

    Args:
        space: of the search.
        best: overrides of the best trial, in the order of the space.

    Returns:
        Of each such key its values as they are typed: of a range the best one and two others, of a choice all.
    """
    found = {}
    for dimension, override in zip(space, best, strict=True):
        groups = parse_override(override).key_or_group.split(".")
        if len(groups) < 2 or groups[0] in NOT_OF_ALL:
            continue
        tried = [dimension.override(_at(dimension, part)) for part in FRACTIONS] if isinstance(dimension, Range) else []
        every = [override, *tried] if tried else dimension.ends
        found[dimension.key] = list(dict.fromkeys(text.partition("=")[2] for text in every))
    return found


def _at(one: Range, part: float) -> float:
    """The number at a part of the way from the lowest to the highest."""
    if one.log:
        return exp((1 - part) * log(one.low) + part * log(one.high))
    value = (1 - part) * one.low + part * one.high
    return value if one.step is None else one.low + one.step * round((value - one.low) / one.step)
