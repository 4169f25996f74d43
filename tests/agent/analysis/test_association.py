"""A head whose error goes with the outcome is found, and nothing is said where the interval does not say it."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import spearmanr

from mtl.agent.analysis.association import FEWEST, associations, correlation_interval
from mtl.agent.analysis.content import association_sentence

RANDOM = np.random.default_rng(0)
OUTCOME = RANDOM.normal(size=60)


def test_it_is_spearmans_correlation_of_the_instances_that_are_known() -> None:
    loss = OUTCOME + RANDOM.normal(size=60)
    loss[:5] = np.nan
    (found,) = associations({"a": loss}, OUTCOME, None, 0.05)
    assert found.correlation == pytest.approx(spearmanr(loss[5:], OUTCOME[5:]).statistic)
    assert found.low < found.correlation < found.high
    assert found.instances == 55


def test_only_what_the_intervals_say_is_said() -> None:
    strong, weak = OUTCOME + 0.05 * RANDOM.normal(size=60), OUTCOME + 2 * RANDOM.normal(size=60)
    nothing, opposite = RANDOM.normal(size=60), -OUTCOME
    told = associations({"strong": strong, "nothing": nothing}, OUTCOME, None, 0.05)
    assert [one.limits for one in told] == [True, False]
    assert association_sentence(told) == "The outcome is poorer where strong errs more. It goes with strong most."
    alike = associations({"one": strong, "two": OUTCOME + 0.05 * RANDOM.normal(size=60)}, OUTCOME, None, 0.05)
    assert "one and two err more. Which task it goes with most is not told" in association_sentence(alike)
    neither = association_sentence(associations({"nothing": nothing, "opposite": opposite}, OUTCOME, None, 0.05))
    assert neither.startswith("No task is shown to limit the outcome, which is no proof that none does")
    assert neither.endswith("It is better where opposite errs more.")
    assert len(associations({"weak": weak}, OUTCOME, None, 0.05)) == 1


def test_intervals_miss_no_more_often_than_stated() -> None:
    """Eight instances that tell nothing: what is drawn again from them differs less than other eight would."""
    random = np.random.default_rng(0)
    found = [associations({"a": random.normal(size=8)}, random.normal(size=8), None, 0.02)[0] for _ in range(100)]
    assert sum(not one.low <= 0 <= one.high for one in found) <= 2


@pytest.mark.parametrize("sign", [1, -1])
def test_a_correlation_of_one_is_not_known_for_sure_from_few_instances(sign: int) -> None:
    """Of ten instances that all agree, one in five may disagree: that they all agree is then one case in nine."""
    random = np.random.default_rng(0)
    missed = 0
    for _ in range(60):
        loss = (np.arange(10) % 2).astype(float)
        flipped = random.random(10) < 0.2
        (one,) = associations({"a": loss}, sign * np.where(flipped, 1 - loss, loss), None, 0.05) or [None]
        missed += one is not None and not one.low <= sign * 0.6 <= one.high
    assert missed <= 5
    (exact,) = associations({"a": OUTCOME[:20]}, sign * OUTCOME[:20], None, 0.05)
    ends = (2 * 0.025 ** (1 / 20) - 1, 1.0)
    assert (exact.low, exact.high) == pytest.approx(ends if sign > 0 else (-ends[1], -ends[0]))


def test_few_instances_tell_nothing_and_rows_of_a_group_count_once() -> None:
    few = np.where(np.arange(60) < FEWEST - 1, OUTCOME, np.nan)
    assert associations({"few": few, "same": np.ones(60)}, OUTCOME, None, 0.05) == []
    assert associations({"grouped": OUTCOME}, OUTCOME, np.arange(60) % (FEWEST - 1), 0.05) == []
    loss = OUTCOME + RANDOM.normal(size=60)
    (alone,) = associations({"a": loss}, OUTCOME, None, 0.05)
    (copies,) = associations({"a": np.tile(loss, 5)}, np.tile(OUTCOME, 5), np.tile(np.arange(60), 5), 0.05)
    assert copies.high - copies.low == pytest.approx(alone.high - alone.low, rel=0.2)


@pytest.mark.parametrize(("spread", "variance"), [(0.1, (1 + 0.5**2 / 2) / 10), (1.0, 1.0 * 13 / 12)])
def test_an_interval_is_as_wide_as_the_draws_and_as_the_formula_say(spread: float, variance: float) -> None:
    """By hand: Student's, of eleven degrees of freedom, around Fisher's transform; the larger of two variances."""
    center = np.arctanh(0.5)
    drawn = np.append(np.tanh(center + spread * np.repeat([-1.0, 1.0], 20)), np.nan)
    half = stats.t.isf(0.025, 11) * variance**0.5
    expected = np.tanh([center - half, center + half])
    assert correlation_interval(0.5, drawn, 13, 0.05) == pytest.approx(tuple(expected))


def test_intervals_of_all_tasks_hold_together() -> None:
    random = np.random.default_rng(3)
    outcome = random.normal(size=30)
    losses = {name: outcome + random.normal(size=30) for name in ("a", "b")}
    both, (alone,) = associations(losses, outcome, None, 0.1), associations({"a": losses["a"]}, outcome, None, 0.05)
    assert both[0] == alone
    assert len(both) == 2
    assert associations({"a": losses["a"]}, np.ones(30), None, 0.1) == []
