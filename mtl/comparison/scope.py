"""What a comparison could have shown, for what it holds, and how often it is wrong, in sentences."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from mtl.comparison.design import CONFIRM, FULL, MEAN_SHARE, UNPLANNED
from mtl.comparison.gain_samples import row_groups, row_weights
from mtl.comparison.statistics.estimate import Estimate, Part
from mtl.comparison.statistics.looks import spend
from mtl.comparison.types import Comparison, Measurement
from mtl.comparison.wording import count_noun, format_size, format_stated, join_words
from mtl.runs.contributions import effective_number

FEWER = 0.9  # share of the rows or groups, from which on it is said that they tell less than as many of one size


def planned_power_sentence(
    looks: Sequence[int], alpha: float, configurations: int, kind: str, test_share: float | None = None
) -> str:
    """What the planned looks can show, in multiples of how much gains vary from seed to seed.

    Args:
        looks: numbers of deciding seeds.
        alpha: of the whole comparison.
        configurations: how many are compared with the baseline.
        kind: of the design.
        test_share: test rows over training rows, where each seed has a split of its own; None: all share one.

    Returns:
        A sentence.
    """
    tested = configurations if kind == FULL else 1
    each = spend(MEAN_SHARE * alpha / tested, len(looks))
    parts = [
        f"{Estimate(0.0, (Part(1 / n + (test_share or 0.0), n - 1),)).detectable(part):.1f} % with {n}"
        for n, part in zip(looks, each, strict=True)
        if n > 1
    ]
    if not parts:
        return "One seed shows nothing: ask for more, e.g. looks=[3,5,8,12]."
    rest = "Test rows add their own uncertainty." if test_share is None else "That splits share rows is counted in."
    return (
        f"What it can show: if gains vary by 1 % from seed to seed (standard deviation), a true difference of "
        f"{join_words(parts)} seeds would be seen in 4 of 5 cases; in proportion if they vary more or less. {rest}"
    )


def power_sentence(comparison: Comparison, tested: Measurement, *, decided: bool) -> str:
    """What difference the last look could show; empty where that is not known, or where the answer is clear.

    Args:
        comparison: all numbers.
        tested: the best configuration.
        decided: whether there is an answer, or one that more seeds would not change.

    Returns:
        A sentence.
    """
    least = tested.delta.estimate.detectable(tested.delta.alpha)
    if decided or not isfinite(least):
        return ""
    rows = ", each with a split of its own" if comparison.design.resplit else " and these test rows"
    said = (
        f"With {count_noun(len(tested.seeds), 'seed')}{rows}, a true difference of {format_size(least)} would be seen "
        "in 4 of 5 cases."
    )
    left = [look for look in comparison.design.looks if look > len(tested.seeds)]
    if left and comparison.design.kind != UNPLANNED:
        return f"{said} The next look is planned at {left[0]} seeds: run the same command again."
    if comparison.design.kind == CONFIRM:
        fresh = max((*comparison.design.seeds, *comparison.design.screening)) + 1
        return f"{said} {fresh_seeds_sentence(fresh, 2 * comparison.design.looks[-1])}"
    return said


def fresh_seeds_sentence(first: int, looks: int) -> str:
    """What to type where the last look has given no answer.

    Args:
        first: seed that was not used.
        looks: deciding seeds of a further comparison.

    Returns:
        A sentence.
    """
    return (
        "The whole error rate is spent at this look; more certainty takes a new comparison on fresh seeds: "
        f"first_seed={first} looks=[{looks}] in place of looks or seeds."
    )


def scope_sentence(comparison: Comparison) -> str:
    """For what the result holds."""
    if comparison.design.resplit:
        return (
            "It holds for the population that the rows were drawn from: every seed has a split of its own, and the "
            "interval is corrected for the rows that splits share."
        )
    tested = [one for _, tested in comparison.tested_rows for one in tested.records]
    groups = row_groups(tested) if tested else None
    counted = "" if groups is None else f", which are {count_noun(len(set(groups.tolist())), 'group')} of rows"
    said = (
        "It holds for this data and these training rows: the interval covers other seeds and other test "
        f"rows{counted}, taken to be independent, not other training rows (data=resplit asks for those)."
    )
    return " ".join(filter(None, [said, unlike_rows_sentence(groups, row_weights(tested) if tested else None)]))


def unlike_rows_sentence(groups: np.ndarray | None, weights: np.ndarray | None) -> str:
    """That test rows tell less than as many of one size; empty where they do not.

    Args:
        groups: number of each row's group; None: every row is one of its own.
        weights: of the rows; None: 1 each.

    Returns:
        A sentence.
    """
    each = groups if groups is not None else weights
    if each is None:
        return ""
    numbers = np.arange(len(each)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(numbers, weights)
    found = effective_number(sizes)
    if found > FEWER * len(sizes):
        return ""
    unlike = "weight" if groups is None else "size" if weights is None else "size and weight"
    what = "rows" if groups is None else "groups"
    open_end = ", which leaves open how others differ: then there is no interval" if found < 2 else ""
    return f"The {len(sizes):,} {what} are of unlike {unlike} and tell as much as {found:.1f} of one size{open_end}."


def error_rate_sentence(comparison: Comparison, tested: Measurement) -> str:
    """The one error rate of a report, and what it was spent on."""
    alpha, design = comparison.rules.alpha, comparison.design
    configurations = sum(row.multi for row, _ in comparison.tested_rows)
    claims = f"All claims of this report hold together with a chance of {format_stated(1 - alpha)} or more"
    taken = (len(tested.seeds),) if design.kind == UNPLANNED else design.looks  # found runs may lack some of the seeds
    each = spend(MEAN_SHARE * alpha, len(taken))
    looks = join_words([f"{part:.3g} at {count_noun(look, 'seed')}" for part, look in zip(each, taken, strict=True)])
    shared = f", divided among {count_noun(configurations, 'configuration')}" if configurations > 1 else ""
    rest = (1 - MEAN_SHARE) * alpha
    others = (
        f" and {rest:.3g} for the {count_noun(comparison.hypotheses, 'other claim')} of each configuration"
        f"{', in the same proportions' if len(design.looks) > 1 else ''}"
    )
    said = (
        f"{claims}: of alpha = {alpha:g}, {MEAN_SHARE * alpha:.3g} is for delta_m ({looks}{shared})"
        f"{others if comparison.hypotheses else ', and nothing else is claimed'}; "
        f"{count_noun(len(tested.looks), 'look')} {'was' if len(tested.looks) == 1 else 'were'} taken."
    )
    if design.kind == UNPLANNED:
        said += (
            " These runs were found, not planned: that is so if neither their number nor their choice was decided by "
            "looking at the result."
        )
    return said
