"""Reports on worlds of known truth: false claims and coverage at the stated rate, power where there is an effect."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

from experiments.calibration.run import CELLS
from experiments.calibration.worlds import Judged, World, draw, repeat
from mtl.comparison.comparison import compare
from mtl.comparison.records import Record
from mtl.runs.contributions import Contributions

pytestmark = pytest.mark.slow
DRAWS = 60


def judged(name: str) -> list[Judged]:
    world, kind, looks = CELLS[name]
    return repeat(world, kind, looks, range(10_000, 10_000 + DRAWS))  # not the draws of the published table


@pytest.mark.parametrize(
    "name",
    [
        "no difference, seeds vary by 5 %",
        "single against single",
        "no difference, skewed",
        "no difference, rows vary",
        "no difference, rows vary by 21 groups, 1 configuration",
        "+1.1 %, rows vary",
        "no difference, all measured, rows vary",
        "no difference in the population",
    ],
)
def test_claims_are_false_and_intervals_miss_no_more_often_than_stated(name: str) -> None:
    found = judged(name)
    assert sum(one.false_claim for one in found) <= stats.binom.ppf(0.999, DRAWS, 0.05)
    assert sum(not one.covered for one in found) <= stats.binom.ppf(0.999, DRAWS, 0.06)
    assert abs(np.mean([one.bias for one in found])) < 0.005


def test_an_effect_of_two_percent_is_found() -> None:
    found = judged("+2 %")
    assert np.mean([one.helps for one in found]) > 0.95
    assert np.mean([one.runs for one in found]) < 40


def without_groups(one: Record) -> Contributions:
    return replace(one.kept(), groups=None)


def test_rows_of_a_group_taken_for_independent_would_be_too_sure() -> None:
    """The same draws, judged as if every row were on its own: the check above can fail."""
    world = CELLS["no difference, rows vary by 21 groups, 1 configuration"][0]
    missed = 0
    for seed in range(60):
        records = draw(world, np.random.default_rng(seed), list(range(12)))
        blind = [replace(one, kept=partial(without_groups, one)) for one in records]
        (_, tested), *_ = compare(blind).tested_rows
        low, high = tested.delta.interval
        missed += not low <= 0 <= high
    assert missed > 9


def rows_that_do_not_vary(one: Record) -> Contributions:
    return Contributions({task: np.full(2, value) for task, value in one.test.items()}, None)


def test_rows_that_were_left_out_would_be_missed() -> None:
    """The same draws, judged by seeds alone: the check above can fail."""
    missed = 0
    for seed in range(60):
        world = World(configurations=1, row_sd=CELLS["no difference, rows vary"][0].row_sd * 3)
        records = draw(world, np.random.default_rng(seed), list(range(12)))
        blind = [replace(one, kept=partial(rows_that_do_not_vary, one)) for one in records]
        (_, tested), *_ = compare(blind).tested_rows
        low, high = tested.delta.interval
        missed += not low <= 0 <= high
    assert missed > 20
