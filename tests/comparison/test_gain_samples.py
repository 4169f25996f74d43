"""Rows that belong together count as one: groups in place of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mtl.comparison.evidence import evidence_of
from mtl.comparison.gain_samples import GainRule, GainSample, alike, gains_by_split, row_groups, row_weights, sum_groups
from mtl.comparison.records import Record
from mtl.comparison.report import number_format
from mtl.comparison.statistics.estimate import Unseen, over_seeds_and_rows
from mtl.comparison.types import Rules
from mtl.comparison.wording import interval_in_words
from mtl.errors import InputError
from mtl.runs.contributions import Contributions, Outcome
from tests.comparison.support import make_record

VALUES = st.floats(-10, 10).map(lambda x: round(x, 3))


@given(arrays(float, (3, 8), elements=VALUES), arrays(np.int64, 8, elements=st.integers(0, 4)))
def test_the_mean_over_groups_is_that_over_rows(x: np.ndarray, groups: np.ndarray) -> None:
    found, labelled = sum_groups(x, np.full(8, True), groups)
    sizes = np.unique(groups, return_counts=True)[1]
    assert found.shape == (3, len(sizes))
    assert labelled == pytest.approx(64 / (sizes**2).sum())
    np.testing.assert_allclose(found.mean(1), x.mean(1), atol=1e-9)


@given(arrays(float, (3, 6), elements=VALUES), st.permutations(range(6)))
def test_groups_of_one_row_are_rows(x: np.ndarray, names: list[int]) -> None:
    every = np.full(6, True)
    grouped, rows = (sum_groups(x, every, groups) for groups in (np.array(names), None))
    np.testing.assert_allclose(np.sort(grouped[0]), np.sort(rows[0]))
    assert grouped[1] == rows[1] == 6


@given(arrays(float, (3, 6), elements=VALUES), st.integers(2, 5))
def test_rows_written_several_times_tell_no_more_than_once(x: np.ndarray, times: int) -> None:
    x = x - x.mean(1, keepdims=True)
    copies, labelled = sum_groups(np.tile(x, times), np.full(6 * times, True), np.tile(np.arange(6), times))
    once, many = over_seeds_and_rows(x), over_seeds_and_rows(copies, labelled)
    assert many.error == pytest.approx(once.error, abs=1e-9, nan_ok=True)


def test_only_groups_with_a_label_count() -> None:
    labelled = np.array([True, True, False, False, True, True, False])
    assert sum_groups(np.zeros((2, 7)), labelled, np.array([0, 0, 1, 1, 2, 2, 3]))[1] == 2


def grouped(
    model: str, seed: int, value: float, groups: np.ndarray | None, weights: np.ndarray | None = None
) -> Record:
    rows = {"a": value + np.random.default_rng(seed).normal(size=6)}
    one = make_record(model, seed=seed, primary={"a": "mae"}, test={"a": float(rows["a"].mean())})
    return replace(one, kept=lambda: Contributions(rows, None, groups, weights))


def test_one_row_that_counts_for_nearly_all_says_little_of_others() -> None:
    """By hand: as many equal rows as tell as much; runs that weigh their rows differently are not compared."""

    def sample(weights: np.ndarray | None, groups: np.ndarray | None = None) -> GainSample:
        runs, over = (
            {seed: grouped(m, seed + k, v, groups, weights) for seed in range(4)}
            for m, k, v in (("a", 0, 8), ("b", 9, 9))
        )
        return GainRule.of([*runs.values(), *over.values()], over).on_all_tasks(runs, over, range(4))

    equal, unlike = np.full(6, 2.0), np.array([5.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert sample(equal).estimate() == sample(None).estimate()
    assert sample(unlike).informative == pytest.approx(100 / 30)
    assert sample(unlike, np.array([0, 0, 1, 1, 2, 2])).informative == pytest.approx(100 / 44)
    (low, high), (least, most) = (sample(one).estimate().interval(0.05) for one in (equal, unlike))
    assert least < low < high < most
    runs = [grouped("a", 0, 1, None, weights) for weights in (None, equal, unlike)]
    assert row_weights(runs[:2]) is equal
    with pytest.raises(InputError, match="weigh their test rows differently"):
        row_weights(runs)


def test_an_interval_is_of_groups() -> None:
    """By hand: the gains of the rows, summed over each group."""
    groups = np.array([5, 5, 5, 9, 9, 2])
    runs, over = (
        {seed: grouped(m, seed + k, v, groups) for seed in range(4)} for m, k, v in (("a", 0, 8), ("b", 9, 9))
    )
    found = GainRule.of([*runs.values(), *over.values()], over).on_all_tasks(runs, over, range(4))
    assert found.rows is not None
    assert found.rows.shape == (4, 3)
    mine, base = (np.stack([one.kept().tasks["a"] for one in each.values()]) for each in (runs, over))
    ratio = mine.mean() / base.mean()
    gain = -(mine - ratio * base) / base.mean()
    centred = gain - gain.mean(1, keepdims=True)
    expected = np.stack([centred[:, groups == g].sum(1) / 2 for g in (2, 5, 9)], 1)  # 3 groups of 6 rows
    np.testing.assert_allclose(found.rows - found.by_seed[:, None], expected, atol=1e-12)


def measured(model: str, seed: int, rows: dict[str, np.ndarray]) -> Record:
    """Of several tasks; each metric is the mean over the rows with a label."""
    test = {task: float(np.nanmean(values)) for task, values in rows.items()}
    return make_record(model, seed=seed, primary=dict.fromkeys(rows, "mae"), test=test, rows=rows)


def test_the_mean_gain_of_tasks_has_the_rows_of_all_and_as_many_labels_as_the_task_with_fewest() -> None:
    """By hand: the mean of the tasks' deviations, of rows with a label for both, which stand for all rows."""
    random = np.random.default_rng(3)
    runs, over = (
        {s: {"a": random.normal(mean, 1, 8), "b": random.normal(2 * mean, 1, 8)} for s in range(3)} for mean in (8, 9)
    )
    for seed in range(3):
        runs[seed]["b"][0] = over[seed]["b"][[1, 2]] = np.nan
    runs[0]["b"][3] = np.nan  # unknown to one seed: then it tells nothing
    records = [{s: measured(m, s, rows) for s, rows in of.items()} for m, of in (("a", runs), ("b", over))]
    rule = GainRule.of([*records[0].values(), *records[1].values()], records[1])
    found = rule.on_all_tasks(*records, range(3))
    assert found.rows is not None
    assert found.informative == 4
    expected, by_seed = np.zeros((3, 8)), np.zeros(3)
    for task, known in (("a", np.arange(8)), ("b", np.arange(4, 8))):
        x, b = (np.stack([of[s][task] for s in range(3)])[:, known] for of in (runs, over))
        gain = 1 - x.mean() / b.mean() - (x - x.mean() / b.mean() * b) / b.mean()
        expected[:, known] += (gain - gain.mean(1, keepdims=True)) * 8 / len(known) / 2
        ends, starts = (np.array([one.test[task] for one in of.values()]) for of in records)
        ratio = ends.mean() / starts.mean()
        by_seed += (1 - ratio - (ends - ratio * starts) / starts.mean()) / 2
    np.testing.assert_allclose(found.by_seed, by_seed)
    np.testing.assert_allclose(found.rows - found.by_seed[:, None], expected, atol=1e-12)
    alone = rule.on_task(*records, range(3), "a")
    assert alone.informative == 8


@pytest.mark.parametrize("resplit", [False, True])
def test_what_rows_that_are_all_right_may_differ_by_is_shared_by_all_tasks(resplit: bool) -> None:
    """By hand; an error of 1 is no accuracy of 1. Of splits of their own, the smallest one tells least."""

    def rows(seed: int) -> dict[str, np.ndarray]:
        right = np.ones(7 + seed if resplit else 4)
        return {"a": np.append(right[1:], np.nan), "b": right, "c": right}

    runs, over = (
        {
            s: replace(
                measured(m, s, rows(s)),
                rows={"train": 100, "val": 9, "test": len(rows(s)["b"])},
                primary={"a": "accuracy", "b": "mae", "c": "r2"},
                directions={"a": True, "b": False, "c": True},
            )
            for s in range(3)
        }
        for m in ("a", "b")
    )
    rule = GainRule.of([*runs.values(), *over.values()], over, resplit=resplit)
    assert rule.on_all_tasks(runs, over, range(3)).unseen == (1.0, 6 if resplit else 3)  # one row of a has no label
    assert rule.on_task(runs, over, range(3), "b").unseen == (1.0, 7 if resplit else 4)  # each error is 1
    worse = {s: replace(one, test={**one.test, "a": 0.9 if s else 1.0}) for s, one in runs.items()}
    assert rule.on_task(worse, over, range(3), "a").unseen is None


def test_rows_that_are_wrong_alike_leave_open_how_others_differ() -> None:
    """By hand; errors that differ from row to row are alike only where the predictions are, and say so."""
    rows = {"a": np.array([1.0] * 6 + [0.0] * 2), "b": np.arange(1.0, 9.0)}

    def runs_of(model: str, values: Mapping[str, np.ndarray]) -> dict[int, Record]:
        directions = {"a": True, "b": False}
        test = {task: float(one.mean()) for task, one in values.items()}
        return {s: replace(measured(model, s, values), test=test, directions=directions) for s in range(3)}

    runs, over = (runs_of(model, rows) for model in ("a", "b"))
    rule = GainRule.of([*runs.values(), *over.values()], over)
    accuracy, error = (evidence_of(rule.on_task(runs, over, range(3), task), 0.05, Rules()) for task in ("a", "b"))
    most = (1 - 0.025 ** (1 / 8)) / 0.75
    assert accuracy.interval == (pytest.approx(-most), pytest.approx(most))
    assert (accuracy.call, accuracy.no_row_differs, error.call, error.no_row_differs) == ("unclear", True, "same", True)
    assert interval_in_words(accuracy).endswith("%, no test row differs in any run")
    assert interval_in_words(error) == "the same predictions in every run"
    assert number_format.interval(error) == "the same in every run"
    failed = runs_of("c", {**rows, "a": np.zeros(8)})  # a further baseline, over which nothing is relative
    assert np.isnan(evidence_of(rule.on_task(failed, failed, range(3), "a"), 0.05, Rules()).mean)
    other = runs_of("a", {**rows, "a": rows["a"][::-1]})  # as many are right, but others
    assert not evidence_of(rule.on_task(other, over, range(3), "a"), 0.05, Rules()).no_row_differs


def test_rows_are_alike_by_chance_only_where_every_run_has_few_values_that_are_the_same_in_both() -> None:
    """Few: at most half as many as rows. What is at 1 but for rounding is so too, whatever its rows contribute."""
    few, many = np.array([3.0, 2.0, 1.0, 1.0, 2.0, 1.0]), np.array([4.0, 3.0, 2.0, 2.0, 2.0, 2.0])

    def unseen(mine: Sequence[np.ndarray], base: Sequence[np.ndarray], higher: bool = False) -> Unseen | None:
        runs, over = (
            {
                s: replace(measured(m, s, {"a": one}), test={"a": float(np.nanmean(one))}, directions={"a": higher})
                for s, one in enumerate(each)
            }
            for m, each in (("a", mine), ("b", base))
        )
        rule = GainRule.of([*runs.values(), *over.values()], over)
        return rule.on_task(runs, over, range(len(mine)), "a").unseen

    divisor = (few.mean() + many.mean()) / 2
    assert unseen([few, many], [few, many]) == (pytest.approx(4 / divisor), 6)
    lacking = np.append(few, np.nan)  # the last row has no label
    assert unseen([lacking, lacking], [lacking, lacking]) == (pytest.approx(3 / few.mean()), 6)
    assert unseen([few, many], [few, many[::-1]]) is None  # of one run other rows are wrong, as many as before
    assert unseen([few, np.arange(6.0)], [few, np.arange(6.0)]) is None  # more values than half of the rows
    right = np.ones(6)
    assert unseen([right, right - 5e-7], [right, right], higher=True) == (pytest.approx(1.0), 6)
    assert unseen([right, right - 5e-6], [right, right], higher=True) is None


@pytest.mark.parametrize("resplit", [False, True])
def test_agents_that_achieve_the_same_do_not_tell_how_they_differ(resplit: bool) -> None:
    runs = {
        s: make_record(seed=s, primary={"a": "mae"}, test={"a": 1.0}, outcome=Outcome("cost", False, np.ones(4), None))
        for s in range(3)
    }
    sample = GainRule.of([*runs.values()], runs, resplit=resplit).on_outcome(runs, runs, range(3))
    assert sample is not None
    found = evidence_of(sample, 0.05, Rules())
    assert (found.call, found.no_row_differs) == ("unclear", True)
    assert np.isnan(found.interval).all()


def test_runs_of_unlike_test_rows_are_refused() -> None:
    runs, over = ({0: measured(m, 0, {"a": np.ones(size)})} for m, size in (("a", 4), ("b", 5)))
    rule = GainRule.of([runs[0], over[0]], over)
    with pytest.raises(InputError, match="have 4 and 5 test rows"):
        rule.on_all_tasks(runs, over, [0])


def acting(model: str, seed: int, values: np.ndarray, groups: np.ndarray | None, scale: float | None = 2.0) -> Record:
    outcome = Outcome("profit", True, values, scale, groups)
    return make_record(model, seed=seed, primary={"a": "mae"}, test={"a": 1.0}, outcome=outcome)


def gains_in_acting(groups: np.ndarray | None, times: int = 1, *, resplit: bool = False) -> GainSample:
    random = np.random.default_rng(0)
    runs, over = (
        {s: acting(m, s, np.repeat(random.normal(k, 1, 12), times), groups) for s in range(3)}
        for m, k in (("a", 2.0), ("b", 0.0))
    )
    found = GainRule.of([*runs.values(), *over.values()], over, resplit=resplit).on_outcome(runs, over, range(3))
    assert found is not None
    return found


def test_an_interval_of_acting_is_of_groups_too() -> None:
    """Instances that are there several times, in a group each, tell no more than once."""
    once, often = gains_in_acting(None), gains_in_acting(np.repeat(np.arange(12), 5), 5)
    np.testing.assert_allclose(often.by_seed, once.by_seed)
    assert once.rows is not None
    assert often.rows is not None
    np.testing.assert_allclose(often.rows, once.rows)
    assert often.estimate().interval(0.05) == pytest.approx(once.estimate().interval(0.05))


def test_nothing_is_said_of_acting_where_a_run_did_not_or_where_instances_are_grouped_otherwise() -> None:
    def outcome(seed: int, groups: np.ndarray | None, size: int = 4) -> Record:
        return acting("a", seed, np.arange(size) + 1.0, groups)

    base, pairs = {s: outcome(s, None) for s in range(3)}, np.array([0, 0, 1, 1])
    idle = make_record("a", seed=1, primary={"a": "mae"}, test={"a": 1.0})
    rule = GainRule.of(list(base.values()), base)
    assert rule.on_outcome(base, base, range(3)) is not None
    for other in (idle, outcome(1, pairs)):
        assert rule.on_outcome({**base, 1: other}, base, range(3)) is None
        assert rule.on_outcome(base, {**base, 1: other}, range(3)) is None
    of_groups, others = ({s: outcome(s, groups) for s in range(3)} for groups in (pairs, np.array([0, 1, 1, 0])))
    assert rule.on_outcome(of_groups, others, range(3)) is None
    assert rule.on_outcome({0: idle}, {0: idle}, [0]) is None
    longer = {s: outcome(s, None, size=5) for s in range(3)}
    assert rule.on_outcome(longer, base, range(3)) is None


def test_outcomes_of_other_kinds_are_not_compared() -> None:
    one = Outcome("profit", True, np.arange(4.0), 2.0)
    kinds = [{"name": "cost"}, {"higher_is_better": False}, {"scale": None}, {"scale": 2.1}]
    assert alike([(one, replace(one, scale=2.00001))])
    for kind in kinds:
        assert not alike([(one, one), (one, replace(one, **kind))])  # type: ignore[arg-type]


def test_of_as_many_other_instances_nothing_is_said() -> None:
    values = np.arange(4.0)
    these, others, untold = (Outcome("makespan", False, values, None, instances=name) for name in ("a", "b", ""))
    assert alike([(these, these), (these, untold)])
    assert not alike([(these, these), (these, others)])


def test_instances_of_splits_of_their_own_are_not_the_same() -> None:
    found = gains_in_acting(None, resplit=True)
    assert found.rows is None
    assert found.test_share == pytest.approx(0.2)
    np.testing.assert_allclose(found.by_seed, gains_in_acting(None).by_seed)


def test_of_splits_of_their_own_a_lower_cost_is_a_gain() -> None:
    pairs = [
        (Outcome("cost", False, np.array([4.0, 2.0]), scale), Outcome("cost", False, np.array([5.0]), scale))
        for scale in (4.0, 8.0)
    ]
    assert gains_by_split(pairs) == pytest.approx([2 / 6 + (2 - 4 / 3) / 6, 2 / 6 + (2 - 8 / 3) / 6])
    assert gains_by_split([tuple(replace(one, scale=None) for one in pair) for pair in pairs]).mean() == pytest.approx(
        0.4
    )  # type: ignore[misc]


@pytest.mark.parametrize("scaled", [True, False])
def test_splits_may_have_unlike_numbers_of_instances_and_unlike_scales(scaled: bool) -> None:
    """By hand: the sum of what is achieved more over the sum of what could be achieved, or of the baseline."""
    mine, base, scales = [[4.0, 8.0], [3.0, 3.0, 3.0], [5.0]], [[2.0, 6.0], [2.0, 2.0, 5.0], [3.0]], [2.0, 8.0, 5.0]
    runs, over = (
        {s: acting(m, s, np.array(values[s]), None, scales[s] if scaled else None) for s in range(3)}
        for m, values in (("a", mine), ("b", base))
    )
    rule = GainRule.of([*runs.values(), *over.values()], over, resplit=True)
    found = rule.on_outcome(runs, over, range(3))
    assert found is not None
    differences = [2.0, 0.0, 2.0]
    assert found.by_seed.mean() == pytest.approx(sum(differences) / (sum(scales) if scaled else 4 + 3 + 3))
    if scaled:
        ratio = 4 / 15
        assert found.by_seed[1] == pytest.approx(ratio + (0.0 - ratio * 8.0) / 5.0)


@pytest.mark.parametrize("resplit", [True, False])
def test_outcomes_on_other_terms_are_not_compared(resplit: bool) -> None:
    """A run that was found may have acted at other prices: then the same decisions are worth more."""
    runs, over = (
        {s: acting(m, s, np.full(4, value), None, scale) for s in range(3)}
        for m, value, scale in (("a", 2.0, 4.0), ("b", 1.0, 2.0))
    )
    rule = GainRule.of([*runs.values(), *over.values()], over, resplit=resplit)
    assert rule.on_outcome(runs, over, range(3)) is None
    assert rule.on_outcome(over, over, range(3)) is not None


@pytest.mark.parametrize("other", [None, np.array([0, 0, 1, 1, 2, 3])], ids=["none", "others"])
def test_runs_that_group_their_rows_differently_are_refused(other: np.ndarray | None) -> None:
    first = grouped("a", 0, 1.0, np.array([0, 0, 1, 1, 2, 2]))
    assert row_groups([first, first]) is not None
    with pytest.raises(InputError, match="group their test rows differently"):
        row_groups([first, grouped("b", 0, 1.0, other)])
