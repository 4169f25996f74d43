"""What a comparison says of its power, its scope and its error rate."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from mtl.comparison.comparison import compare
from mtl.comparison.scope import fresh_seeds_sentence, planned_power_sentence, unlike_rows_sentence
from mtl.comparison.statistics.estimate import over_seeds, over_splits
from mtl.comparison.types import Rules
from mtl.comparison.verdict import verdict
from mtl.comparison.wording import format_size
from mtl.runs.contributions import Contributions
from tests.comparison.test_verdict import confirmed, planted

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def sizes(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"([\d.]+) % with \d+", text)]


def test_more_seeds_show_smaller_differences_and_more_configurations_larger_ones() -> None:
    one = sizes(planned_power_sentence([3, 5, 8, 12], 0.05, 9, "confirm"))
    assert len(one) == 4
    assert one == sorted(one, reverse=True)
    many = sizes(planned_power_sentence([3, 5, 8, 12], 0.05, 9, "full"))
    assert all(a < b for a, b in zip(one, many, strict=True))
    assert sizes(planned_power_sentence([12], 0.05, 9, "full")) < sizes(planned_power_sentence([12], 0.01, 9, "full"))


def test_the_stated_difference_is_seen_in_four_of_five_cases() -> None:
    """By the noncentral distribution of Student's t, which says how often an interval leaves zero out."""
    looks, alphas = [3, 5, 8, 12], [0.004, 0.008, 0.012, 0.016]
    for seeds, alpha, percent in zip(
        looks, alphas, sizes(planned_power_sentence(looks, 0.05, 1, "confirm")), strict=True
    ):
        needed = stats.t.isf(alpha / 2, seeds - 1)
        seen = stats.nct.sf(needed, seeds - 1, [(percent + by) * seeds**0.5 for by in (-0.05, 0.05)])
        assert seen[0] < 0.8 < seen[1], seeds  # the number has one decimal


def test_the_page_has_the_differences_that_are_printed() -> None:
    page = " ".join((EXPERIMENTS.parent / "docs" / "verdict.md").read_text(encoding="utf-8").split())
    one, splits = (sizes(planned_power_sentence([3, 5, 8, 12], 0.05, 1, "confirm", share)) for share in (None, 15 / 70))
    assert "{} % with 3 seeds, {} % with 5, {} % with 8 and {} % with 12 by default".format(*one) in page
    assert "15 test rows for 70 training rows that is {}, {}, {} and {} %.".format(*splits) in page


def test_of_splits_that_share_rows_more_seeds_show_less_than_of_one_split() -> None:
    """Results of the model of Nadeau and Bengio, in which two splits are correlated by their share of test rows."""
    share, seeds = 0.25, 12
    text = planned_power_sentence([seeds], 0.05, 1, "confirm", share)
    (percent,), (of_one,) = sizes(text), sizes(planned_power_sentence([seeds], 0.05, 1, "confirm"))
    assert percent > 1.9 * of_one
    assert "Test rows add" not in text
    rng, times, common = np.random.default_rng(1), 2000, share / (1 + share)
    noise = common**0.5 * rng.normal(size=(times, 1)) + (1 - common) ** 0.5 * rng.normal(size=(times, seeds))
    # The standard deviation from split to split is 1 %
    draws = percent / 100 + 0.01 * noise / (1 - common) ** 0.5
    found = [over_splits(one, share).interval(0.8 * 0.05) for one in draws]
    assert np.mean([low > 0 for low, _ in found]) == pytest.approx(0.8, abs=0.04)


def test_a_difference_of_the_size_that_is_stated_is_seen_so_often() -> None:
    (percent,) = sizes(planned_power_sentence([3], 0.005, 1, "confirm"))
    rng, times = np.random.default_rng(0), 1500
    found = [over_seeds(percent / 100 + 0.01 * rng.normal(size=3)).interval(0.8 * 0.005)[0] > 0 for _ in range(times)]
    assert 0.77 < np.mean(found) < 0.83


def test_rows_that_tell_less_than_as_many_of_one_size_are_said() -> None:
    assert unlike_rows_sentence(None, None) == unlike_rows_sentence(None, np.ones(50)) == ""
    assert unlike_rows_sentence(np.arange(50) % 5, None) == ""
    weights, groups = np.array([5.0, 1, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 7, 9])
    said = "The {} are of unlike {} and tell as much as {} of one size."
    assert unlike_rows_sentence(None, weights) == said.format("6 rows", "weight", "3.3")
    assert unlike_rows_sentence(groups, None) == said.format("3 groups", "size", "2.0")
    alone = unlike_rows_sentence(groups, weights)
    assert alone.startswith("The 3 groups are of unlike size and weight and tell as much as 1.5 of one size, which")
    assert alone.endswith("then there is no interval.")


@pytest.mark.parametrize(
    ("done", "said"),
    [(5, "The next look is planned at 8 seeds"), (12, "on fresh seeds: first_seed=14 looks=[24] in place")],
)
def test_without_an_answer_it_is_said_what_could_be_seen_and_what_to_do(done: int, said: str) -> None:
    records, design = confirmed(effect=0.004, done=done)
    found = compare(records, Rules(margin=1e-4), design=design)
    assert found.best is not None
    assert found.best.tested is not None
    gains = np.array(found.best.tested.delta.gains)
    alpha, error = found.best.tested.looks[-1].alpha, gains.std(ddof=1) / done**0.5
    needed = stats.t.isf(alpha / 2, done - 1)
    least = error * brentq(lambda size: stats.nct.sf(needed, done - 1, size) - 0.8, 0, 20)
    sentences = verdict(found).certainty
    (power,) = [one for one in sentences if "4 of 5 cases" in one]
    assert power.startswith(f"With {done} seeds and these test rows, a true difference of {format_size(least)} would")
    assert said in power
    (of_splits,) = [
        one
        for one in verdict(compare(records, Rules(margin=1e-4), design=replace(design, resplit=True))).certainty
        if "4 of 5 cases" in one
    ]
    assert of_splits.startswith(f"With {done} seeds, each with a split of its own, a true difference of ")
    looks = "0.004 at 3 seeds, 0.008 at 5 seeds, 0.012 at 8 seeds and 0.016 at 12 seeds"
    assert sentences[-1].endswith(
        f"of alpha = 0.05, 0.04 is for delta_m ({looks}) and 0.01 for the 2 other claims of each configuration, "
        f"in the same proportions; {4 if done == 12 else 2} looks were taken."
    )


def test_of_runs_that_were_found_the_one_look_is_divided_among_all() -> None:
    found = verdict(compare(planted(np.random.default_rng(7), 0.0, spread=0.05)))
    assert found.certainty[-1].endswith(
        "of alpha = 0.05, 0.04 is for delta_m (0.04 at 5 seeds, divided among 3 configurations) and 0.01 for the 2 "
        "other claims of each configuration; 1 look was taken. These runs were found, not planned: that is so if "
        "neither their number nor their choice was decided by looking at the result."
    )
    (power,) = [one for one in found.certainty if "4 of 5 cases" in one]
    assert power.endswith("would be seen in 4 of 5 cases.")


def test_one_seed_shows_nothing() -> None:
    assert "One seed shows nothing" in planned_power_sentence([1], 0.05, 3, "confirm")


@pytest.mark.parametrize("kept", ["digits", "scheduling"])
def test_kept_reports_say_what_would_be_printed_today(kept: str) -> None:
    """Their last look was at eight seeds; two more were screened, of the numbers from 0."""
    text = (EXPERIMENTS / kept / "README.md").read_text(encoding="utf-8")
    assert f"would be seen in 4 of 5 cases. {fresh_seeds_sentence(10, 16)}\n" in text


def test_for_what_a_result_holds_names_the_groups_of_the_test_rows_and_how_unlike_these_are() -> None:
    """Two groups of one row and one of four tell as much as two of one size: 36 / (1 + 1 + 16)."""
    groups, weights = np.array([7, 3, 9, 9, 9, 9]), np.array([5.0, 1, 1, 1, 1, 1])

    def scope(**kept: np.ndarray) -> str:
        rows = {"a": np.arange(6.0), "b": np.arange(6.0)}
        records = [
            replace(one, kept=lambda: Contributions(rows, None, **kept))
            for one in planted(np.random.default_rng(8), 0.05)
        ]
        (said,) = [one for one in verdict(compare(records)).certainty if one.startswith("It holds for this data")]
        return said

    assert "other test rows, taken to be independent" in scope()
    assert "of unlike" not in scope()
    said = scope(groups=groups)
    assert "other test rows, which are 3 groups of rows, taken to be independent" in said
    assert said.endswith("The 3 groups are of unlike size and tell as much as 2.0 of one size.")
    assert scope(weights=weights).endswith("The 6 rows are of unlike weight and tell as much as 3.3 of one size.")
