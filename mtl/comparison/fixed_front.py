"""Every weighting beside a grid of fixed weights: which of them fixed weights do not reach."""

from dataclasses import dataclass
from math import isfinite

from mtl.comparison.types import Comparison, Row
from mtl.comparison.wording import count_noun, join_words

FIXED = ("fixed", "equal")
FEWEST = 3  # fixed weights, below which there is no front to speak of


@dataclass(frozen=True)
class FixedFront:
    """Configurations of one model.

    Attributes:
        fixed: with weights that stay.
        inside: with weights that move, and for which some fixed weights are at least as good on every task.
        outside: the others that move.
    """

    fixed: tuple[Row, ...]
    inside: tuple[Row, ...]
    outside: tuple[Row, ...]


def fronts_of_fixed_weights(comparison: Comparison) -> dict[str, FixedFront]:
    """By model, where at least :data:`FEWEST` fixed weights were tried.

    Source of the question: Kurin et al., "In Defense of the Unitary Scalarization for Deep Multi-Task Learning",
    NeurIPS 2022, https://arxiv.org/abs/2201.04122; Xin et al., "Do Current Multi-Task Optimization Methods in Deep
    Learning Even Help?", NeurIPS 2022, https://arxiv.org/abs/2209.11379: swept fixed weights match every method that
    moves them.

    Args:
        comparison: all numbers; validation is what is looked at.

    Returns:
        A front for each model.
    """
    found = {}
    measured = [row for row in comparison.rows if isfinite(row.delta_validation)]  # nothing is as good as no number
    rows = [row for row in measured if row.multi and row.key not in comparison.stopped]
    for model in dict.fromkeys(row.model for row in rows):
        mine = [row for row in rows if row.model == model]
        fixed = [row for row in mine if row.weighting in FIXED]
        moving = [row for row in mine if row.weighting not in FIXED]
        if len(fixed) >= FEWEST:
            inside = [row for row in moving if any(at_least_as_good(one, row) for one in fixed)]
            outside = [row for row in moving if row not in inside]
            found[model] = FixedFront(tuple(fixed), tuple(inside), tuple(outside))
    return found


def at_least_as_good(one: Row, other: Row) -> bool:
    """Whether a configuration is as good as another, or better, on every task of the validation rows."""
    return all(one.validation[task] >= other.validation[task] for task in other.validation)


def fixed_front_sentences(comparison: Comparison) -> list[str]:
    """What the fronts show, of validation; they claim nothing."""
    out = []
    for model, one in fronts_of_fixed_weights(comparison).items():
        said = f"{model}, on validation, beside {count_noun(len(one.fixed), 'choice')} of fixed weights: "
        parts = []
        if one.outside:
            parts.append(f"no fixed weights are as good on every task as {join_words([r.label for r in one.outside])}")
        if one.inside:
            parts.append(f"some are as good on every task as {join_words([r.label for r in one.inside])}")
        if parts:
            out.append(said + "; ".join(parts) + ".")
    return out
