"""What a comparison says of its power, its scope and its error rate."""

import re
from pathlib import Path

import numpy as np
import pytest

from mtl.comparison.scope import fresh_seeds_sentence, planned_power_sentence, unlike_rows_sentence
from mtl.comparison.statistics.estimate import over_seeds

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
    (percent,) = sizes(planned_power_sentence([8], 0.05, 1, "confirm"))
    rng, times = np.random.default_rng(0), 1500
    found = [over_seeds(percent / 100 + 0.01 * rng.normal(size=8)).interval(0.8 * 0.05)[0] > 0 for _ in range(times)]
    assert 0.72 < np.mean(found) < 0.88


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


def test_one_seed_shows_nothing() -> None:
    assert "One seed shows nothing" in planned_power_sentence([1], 0.05, 3, "confirm")


@pytest.mark.parametrize("kept", ["digits", "scheduling"])
def test_kept_reports_say_what_would_be_printed_today(kept: str) -> None:
    """Their last look was at eight seeds; two more were screened, of the numbers from 0."""
    text = (EXPERIMENTS / kept / "README.md").read_text(encoding="utf-8")
    assert f"would be seen in 4 of 5 cases. {fresh_seeds_sentence(10, 16)}\n" in text
