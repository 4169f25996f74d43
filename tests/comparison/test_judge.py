"""What the judge makes of the runs of a comparison: which decide, at which error rate, and what they cost."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mtl.comparison.baseline import choose_baseline
from mtl.comparison.comparison import compare
from mtl.comparison.design import Design, Stopped
from mtl.comparison.evidence import look_at_mean
from mtl.comparison.gain_samples import Runs, any_run
from mtl.comparison.judge import Judge
from mtl.comparison.records import Record, read
from mtl.comparison.report.auxiliary import auxiliary_rows
from mtl.comparison.report.findings import screening_note
from mtl.comparison.report.markdown import body
from mtl.comparison.report.tables import summary
from mtl.comparison.statistics.looks import Look, spend
from mtl.comparison.types import HELPS, UNCLEAR, Comparison, Measurement, Rules
from mtl.comparison.verdict import counted_sentence, verdict
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.runs.contributions import Outcome
from tests.comparison.support import make_record
from tests.comparison.test_verdict import confirmed, measured, planted, run
from tests.results import run_result, write_result


def best_of(found: Comparison) -> Measurement:
    assert found.best is not None
    return measured(found.best)


def with_outcome(one: Record, value: float) -> Record:
    kept = replace(one.kept(), outcome=Outcome("profit", True, value + np.arange(4.0), 2.0))
    return replace(one, kept=lambda: kept)


def further(records: Sequence[Record], key: str = "small", **changes: object) -> list[Record]:
    """The runs of the baseline once more, as those of a further one."""
    return [replace(one, configuration=key, **changes) for one in records if one.model == "single_task"]  # type: ignore[arg-type]


def test_tasks_acting_and_further_baselines_share_what_delta_m_leaves() -> None:
    plain = planted(np.random.default_rng(0), 0.05)
    assert compare(plain).hypotheses == 2
    assert compare([*plain, *further(plain)]).hypotheses == 3
    acted = [with_outcome(one, 1.0) for one in plain]
    assert compare(acted).hypotheses == 3
    some = compare([plain[0], *(one for one in acted[1:] if one.seed > 0)])  # one run of the baseline did not act
    assert measured(some.rows[0]).outcome is not None
    assert some.hypotheses == 3
    planned = replace(Design.unplanned(range(5)), further=("small", "large"))
    found = compare([*acted, *further(acted)], design=planned)
    assert found.hypotheses == 2 + 1 + 2
    assert best_of(found).cells["a"].evidence.alpha == pytest.approx(0.2 * 0.05 / 3 / 5)
    assert found.against.keys() == {label for row in found.rows if not row.multi for label in [row.label]}


def test_after_several_looks_tasks_have_the_error_rate_of_the_last_and_delta_m_what_all_have_in_common() -> None:
    """By hand, with Student's intervals of the gains of each look."""
    records, design = confirmed(effect=0.02)
    tested = best_of(compare(records, design=design))
    assert len(tested.looks) > 1
    alphas = spend(0.8 * 0.05, 4)

    def students(gains: np.ndarray, alpha: float) -> tuple[float, float]:
        half = stats.t.isf(alpha / 2, len(gains) - 1) * gains.std(ddof=1) / len(gains) ** 0.5
        return float(gains.mean() - half), float(gains.mean() + half)

    lows, highs = [], []
    for look, alpha in zip(tested.looks, alphas, strict=False):
        by_seed = {
            key: [one for one in records if one.configuration == key] for key in ("hard-equal", "single_task-equal")
        }
        used = design.seeds[: look.seeds]
        x, b = (
            np.array([[one.test[task] for task in ("a", "b")] for one in runs if one.seed in used])
            for runs in by_seed.values()
        )
        gains = ((x / b.mean(0) - 1) * [1, -1]).mean(1)  # the baseline does not vary
        low, high = students(gains, alpha)
        lows.append(low)
        highs.append(high)
        assert look.alpha == alpha
        assert look.interval == pytest.approx((max(lows), min(highs)))
    last = len(tested.looks) - 1
    assert tested.delta.interval == tested.looks[-1].interval
    assert all(look.call == UNCLEAR for look in tested.looks[:-1])
    for task, cell in tested.cells.items():
        assert cell.evidence.alpha == pytest.approx(spend(0.2 * 0.05 / 2, 4)[last]), task
        assert cell.evidence.interval == pytest.approx(students(np.array(cell.evidence.gains), cell.evidence.alpha))
        assert cell.sd == pytest.approx(stats.tstd(cell.values))


def test_a_look_keeps_what_the_looks_before_it_have_shown() -> None:
    """Also where chance made its own interval wider than theirs; the first one that tells is the last."""
    intervals = {2: (-1.0, 2.0), 3: (-3.0, 1.5), 5: (0.25, 4.0), 6: (-9.0, 9.0)}

    def on_all_tasks(runs: Runs, over: Runs, seeds: Sequence[int]) -> SimpleNamespace:
        return SimpleNamespace(estimate=lambda: SimpleNamespace(interval=lambda _: intervals[len(seeds)]))

    gain: Any = SimpleNamespace(on_all_tasks=on_all_tasks)
    looks = look_at_mean({}, {}, range(6), [2, 3, 5, 6, 7], [0.1, 0.2, 0.3, 0.4, 0.5], gain, Rules())
    assert looks == [
        Look(2, 0.1, (-1.0, 2.0), UNCLEAR),
        Look(3, 0.2, (-1.0, 1.5), UNCLEAR),
        Look(5, 0.3, (0.25, 1.5), HELPS),
    ]


@pytest.mark.parametrize("lost", [0.0, -1.0, nan, 1e9])
@pytest.mark.parametrize("model", ["single_task", "hard"])
def test_values_on_test_decide_nothing_on_validation(lost: float, model: str) -> None:
    """Not by what gains are divided by either: a baseline that is at 0 on test is not there on validation."""
    metrics = {"a": "mae", "b": "mae"}
    records = [
        make_record(name, seed=seed, primary=metrics, test={"a": a, "b": b})
        for name, a, b in (("single_task", 1.0, 100.0), ("hard", 0.9, 101.0), ("soft", 1.05, 99.0))
        for seed in (0, 1)
    ]
    changed = [replace(one, test={"a": one.test["a"], "b": lost}) if one.model == model else one for one in records]
    usual, found = compare(records), compare(changed)
    assert usual.best is not None
    assert usual.best.label == "hard-equal"  # 10 % less on one task, 1 % more on the other
    assert found.best is not None
    assert found.best.label == usual.best.label
    assert [row.validation for row in found.all_rows] == [row.validation for row in usual.all_rows]
    unlike = lost < 0 or (lost == 0 and model == "single_task")
    told = " Other than on test: b: relative to the mean of the baseline." in screening_note(found)
    assert told == unlike
    gains = summary("name", found, verdict(found), ())["tasks"]["b"]
    assert (gains["gain"] != gains["gain_on_validation"]) == unlike


def test_costs_are_medians_and_what_came_of_acting_is_a_mean() -> None:
    """A slow run changes no cost; what only some runs have measured has no mean."""
    said = {
        "single_task": ([10.0, 10.0, 40.0], 0.0),
        "hard": ([5.0, 6.0, 50.0], 0.05),
        "soft": ([20.0, 20.0, 20.0], 0.1),
        "gated": ([7.0, 8.0, 9.0], 0.04),
    }
    records = [
        replace(
            run(model, "equal", seed, (0.5 * (1 + gain), 2.0 * (1 - gain)), seconds=seconds[seed]),
            inference=(0.01, 0.05, 0.02)[seed],
            execution={"profit": (1.0, 2.0, 6.0)[seed], **({} if seed else {"first": 1.0})},
        )
        for model, (seconds, gain) in said.items()
        for seed in range(3)
    ]
    found = compare(records)
    by_model = {row.model: row for row in found.all_rows}
    assert {model: row.costs["seconds"] for model, row in by_model.items()} == {
        "single_task": 10.0,
        "hard": 6.0,
        "soft": 20.0,
        "gated": 8.0,
    }
    assert by_model["hard"].inference_spread == (0.01, 0.05)
    assert by_model["hard"].execution == {"profit": 3.0}
    assert by_model["hard"].delta_validation == pytest.approx(0.05)
    assert found.front_cost == ("hard-equal", "soft-equal")  # gated gains less in more time
    assert found.front_tasks == ("soft-equal",)


def test_a_seed_that_some_lack_is_left_out_of_their_gains_alone() -> None:
    records = planted(np.random.default_rng(1), 0.05)
    lacking = [one for one in records if (one.model, one.seed) != ("hard", 1)]
    apart = [replace(one, seed=one.seed + 20) for one in records if one.model == "gated"]  # no seed of the baseline
    found = compare([*(one for one in lacking if one.model != "gated"), *apart])
    assert {row.model: measured(row).seeds for row in found.rows} == {"hard": (0, 2, 3, 4), "soft": (0, 1, 2, 3, 4)}
    assert measured(found.rows[0]).looks[0].seeds == 4
    said = verdict(found).certainty
    assert "Seeds are missing for hard-equal." in said
    assert "gated-equal has no run on a seed of the baseline, and no part in this report." in said
    assert "no part in this report" not in verdict(compare(records)).text
    elsewhere = [replace(one, seed=one.seed + 20) if one.model in ("soft", "gated") else one for one in records]
    both = "soft-equal and gated-equal have no run on a seed of the baseline, and no part in this report."
    assert both in verdict(compare(elsewhere)).certainty


def test_of_a_further_baseline_is_claimed_what_its_interval_says() -> None:
    """By hand, over the seeds of the last look; of fewer seeds, or where the best one still improved, nothing."""
    records = planted(np.random.default_rng(2), 0.05, spread=0.001)
    small = further(records, "small", test={"a": 0.6, "b": 2.6})
    (against,) = compare([*records, *small]).against.values()
    mine = np.array([[one.test["a"] / 0.6 - 1, 1 - one.test["b"] / 2.6] for one in records if one.model == "hard"])
    assert against.gains == pytest.approx(tuple(mine.mean(1)))
    assert against.alpha == pytest.approx(0.2 * 0.05 / 3 / 3)
    half = stats.t.isf(against.alpha / 2, 4) * mine.mean(1).std(ddof=1) / 5**0.5
    assert against.interval == pytest.approx((mine.mean() - half, mine.mean() + half))
    assert against.call == HELPS
    (fewer,) = compare([*records, *small[1:]]).against.values()
    assert len(fewer.gains) == 4
    assert isnan(fewer.interval[0])
    improving = [replace(one, still_improving=one.model == "hard") for one in records]
    (unfinished,) = compare([*improving, *small]).against.values()
    assert isnan(unfinished.interval[0])
    assert unfinished.call == fewer.call == UNCLEAR
    improving = [replace(one, still_improving=True) for one in small]
    (ended_alike,) = compare([*records, *improving]).against.values()
    assert isnan(ended_alike.interval[0])
    for key in ("epochs", "steps", "patience"):  # a budget of its own is what was asked for
        own = [replace(one, config={**one.config, key: 7}) for one in improving]
        (found,) = compare([*records, *own]).against.values()
        assert found == against, key


def test_before_the_first_look_nothing_is_claimed_of_a_further_baseline() -> None:
    records, design = confirmed(effect=0.1)
    few = [one for one in records if one.seed not in design.seeds[2:]]
    (against,) = compare([*few, *further(few)], design=replace(design, looks=(3, 12))).against.values()
    assert len(against.gains) == 2
    assert isnan(against.interval[0])
    assert against.call == UNCLEAR


@pytest.mark.parametrize(("improving", "marked"), [(1, True), (2, False)])
def test_nothing_is_claimed_of_a_configuration_half_of_whose_runs_still_improved(improving: int, marked: bool) -> None:
    """Not of its tasks either, nor of acting."""
    records = [
        with_outcome(
            replace(one, still_improving=one.model == "hard" and one.seed < improving),
            3.0 * (one.model == "hard") + 0.01 * one.seed * len(one.model),
        )
        for one in planted(np.random.default_rng(4), 0.1, seeds=4, spread=0.001)
    ]
    tested = measured(compare(records).rows[0])
    assert tested.outcome is not None
    calls = {tested.delta.call, tested.outcome.call, *(cell.evidence.call for cell in tested.cells.values())}
    assert calls == {HELPS if marked else UNCLEAR}


def test_what_screening_stopped_has_no_rank_and_is_on_no_front() -> None:
    """Nor is it the best one, before another is chosen: its only run may be a lucky one."""
    records = planted(np.random.default_rng(5), 0.05, spread=0.0)
    stopped = (Stopped("hard-equal", "hard-equal", 1, 0, None, None, None, ""),)
    design = replace(Design.unplanned(range(5)), stopped=stopped)
    found = compare(records, design=design)
    by_model = {row.model: row for row in found.all_rows}
    assert isnan(by_model["hard"].rank)
    assert [by_model[model].rank for model in ("soft", "gated", "single_task")] == [1, 2, 3]
    assert found.front_tasks == ("soft-equal",)
    assert isnan(found.hypervolume["hard-equal"])
    assert Judge.of(records, Rules(), Design.unplanned(range(5))).best() == "hard-equal"
    assert found.best is not None
    assert found.best.label == "soft-equal"


def test_only_the_runs_of_the_looks_count_also_of_the_baseline_and_only_those_of_the_chosen_one() -> None:
    records, design = confirmed(effect=0.1)
    fresh = [one for one in records if one.model == "hard" and one.seed in design.seeds[:3]]
    others = [replace(one, configuration="soft-equal", model="soft") for one in fresh]
    found = compare([*records, *others], design=design)
    seeds = best_of(found).seeds
    assert len(seeds) < 12
    assert measured(found.baseline).seeds == seeds
    assert next(row for row in found.rows if row.model == "soft").tested is None


def test_the_baseline_is_the_one_of_the_design() -> None:
    records = planted(np.random.default_rng(6), 0.05)
    small = further(records, test={"a": 0.4, "b": 4.0})
    design = replace(Design.unplanned(range(5)), baseline="small")
    judge = Judge.of([*records, *small], Rules(), design)
    assert any_run(judge.base).test["a"] == 0.4
    with pytest.raises(InputError, match=r"no run of the baseline .* has finished"):
        Judge.of(records, Rules(), design)


def test_the_baseline_is_the_single_task_configuration_that_differs_least_beside_its_method() -> None:
    """By hand: however unlike its method is typed; of equal ones the one with more pairs of seeds."""

    def config(method: dict[str, int], **more: int) -> dict[str, object]:
        return {"model": method, "weighting": method, "choices": method, "epochs": 3, "encoder": {"width": 8, **more}}

    def runs(key: str, model: str, config: dict[str, object], *seeds: int) -> dict[int, Record]:
        one = replace(make_record(model), configuration=key)
        return {seed: replace(one, seed=seed, config={**config, "seed": seed}) for seed in seeds}

    multi = runs("multi", "hard", config({"a": 1}), 0, 1, 2)
    narrow = runs("narrow", "single_task", config({"a": 1}, width=4), 0, 1, 2)
    usual = runs("usual", "single_task", config({"b": 1, "c": 2}), 0, 7, 8, 9)
    again = runs("again", "single_task", config({"d": 1}), 1, 0)
    shorter = {key: value for key, value in config({"a": 1}).items() if key != "epochs"}
    lacking = runs("lacking", "single_task", shorter, 0, 1, 2)
    for other in (narrow, lacking):
        assert choose_baseline({any_run(other).configuration: other, "usual": usual, "multi": multi}) == "usual"
    assert choose_baseline({"usual": usual, "again": again, "multi": multi}) == "again"  # two pairs of seeds, not one
    assert choose_baseline({"narrow": narrow, "usual": usual}) == "usual"  # with nothing to be unlike, more runs
    elsewhere = runs("elsewhere", "single_task", config({}), 5)
    with pytest.raises(InputError, match="no multi-task run has a seed in common"):
        choose_baseline({"elsewhere": elsewhere, "multi": multi})
    with pytest.raises(InputError, match="no baseline: none of the runs has model=single_task"):
        choose_baseline({"multi": multi})


def test_one_run_has_no_standard_deviation() -> None:
    one = [make_record(m, primary={"a": "mae"}, test={"a": 1.0}) for m in ("single_task", "hard")]
    assert isnan(measured(compare(one).rows[0]).cells["a"].sd)


def written(
    directory: Path, model: str, seed: int, values: Mapping[str, float], auxiliary: Sequence[str], *further: str
) -> Path:
    """A run directory of a model with these values of R2 on validation and test, and further overrides."""
    names = ",".join(sorted(auxiliary))
    config = configure("task=synthetic", f"model={model}", f"seed={seed}", f"auxiliary=[{names}]", *further)
    measured = {"score": 1.0, "tasks": {task: {"loss": 1.0, "r2": value} for task, value in values.items()}}
    return write_result(
        directory / model / str(seed),
        run_result(
            config=config.plain(),
            choices=config.choices.plain(),
            seed=seed,
            tasks={
                task: {"primary": "r2", "higher_is_better": True, "auxiliary": task in auxiliary} for task in values
            },
            metrics=dict.fromkeys(("train", "val", "test"), measured),
            data={"fingerprint": "f", "rows": {"train": 10, "val": 5, "test": 5}},
        ),
    )


def test_auxiliary_tasks_count_for_nothing(tmp_path: Path) -> None:
    """Gains, ranks and claims are those of the run directories without these tasks, whatever they came to."""
    apart, together = [0.50, 0.51, 0.52, 0.50], [0.60, 0.61, 0.63, 0.60]
    for seed, (before, after) in enumerate(zip(apart, together, strict=True)):
        written(tmp_path, "single_task", seed, {"b": before}, ())
        written(tmp_path, "hard", seed, {"a": 0.1 * seed, "b": after, "c": -5.0}, ("a", "c"))
    records, problems = read([tmp_path])
    assert problems == []
    found = compare(records)
    tested, gains = best_of(found), np.array(together) - np.array(apart)
    assert found.tasks == tuple(tested.cells) == ("b",)
    assert found.learned == ("a", "b", "c")
    assert tested.delta.mean == pytest.approx(gains.mean())
    assert tested.delta.gains == pytest.approx(gains)
    half = stats.t.ppf(1 - 0.8 * 0.05 / 2, 3) * gains.std(ddof=1) / 2
    assert tested.delta.interval == pytest.approx((gains.mean() - half, gains.mean() + half))
    # Of one task delta_m is the gain, which is tested once
    assert tested.cells["b"].evidence == tested.delta
    assert found.hypotheses == 0
    assert found.best is not None
    assert found.best.delta_validation == pytest.approx(gains.mean())
    said = verdict(found)
    assert said.headline.startswith("Learning b beside the auxiliary tasks a and c pays: the best configuration, hard-")
    assert "averaged over 4 seeds" in said.headline
    assert counted_sentence(found) == (
        "The task that counts: b. Auxiliary, learned to help and not counted: a and c. "
        "The single-task networks learn b."
    )
    assert not any("How much of it comes from" in sentence for sentence in said.certainty)
    numbers = summary("x", found, said, [])
    assert list(numbers["tasks"]) == ["b"]
    assert numbers["auxiliary"]["c"] == {"metric": "r2", "higher_is_better": True}
    assert numbers["configurations"][1]["auxiliary"]["a"]["mean"] == pytest.approx(0.15)
    assert auxiliary_rows(found)[0] == ("single_task-uncertainty", ["-", "-"])
    page = "\n".join(body(found, said, []))
    assert counted_sentence(found) in page
    assert "Auxiliary tasks, which do not count" in page


def test_of_several_tasks_that_count_it_is_said_what_is_not_told_apart(tmp_path: Path) -> None:
    for seed in range(3):
        written(tmp_path, "single_task", seed, {"a": 0.5, "b": 0.5 + seed / 100}, ())
        written(tmp_path, "hard", seed, {"a": 0.6, "b": 0.6, "c": 0.1}, ("c",))
    found = compare(read([tmp_path])[0])
    assert found.hypotheses == 2
    said = verdict(found)
    assert said.headline.startswith("Learning a and b together beside the auxiliary task c pays")
    assert "averaged over 2 tasks that count and 3 seeds" in said.headline
    assert any("'hard tasks=[a,b] auxiliary=null'" in sentence for sentence in said.certainty)


@pytest.mark.parametrize(
    ("further", "alone", "other", "entry"),
    [
        (("grouping=auto",), (), (), "'hard grouping=auto tasks=[a,b] auxiliary=null'"),
        (("grouping=[[a,b,c]]",), (), (), "'hard grouping=null tasks=[a,b] auxiliary=null'"),
        ((), ("d",), (), "'hard tasks=[a,b,d] auxiliary=[d]'"),
        ((), (), ("d",), "'hard tasks=[a,b] auxiliary=null'"),
        ((), ("d",), ("d",), ""),
        ((), ("c", "d"), (), ""),
    ],
    ids=["measured groups", "groups", "one is needed", "others help", "told apart", "all are needed"],
)
def test_an_entry_that_tells_apart_can_be_typed(
    tmp_path: Path, further: Sequence[str], alone: Sequence[str], other: Sequence[str], entry: str
) -> None:
    counted, helping = {"a": 0.6, "b": 0.6}, ("c", "d")
    for seed in range(3):
        apart = {"a": 0.5, "b": 0.5 + seed / 100} | dict.fromkeys(alone, 0.1)
        written(tmp_path, "single_task", seed, apart, alone)
        written(tmp_path, "hard", seed, counted | dict.fromkeys(helping, 0.1), helping, *further)
        if other:
            written(tmp_path, "gated", seed, counted | {"a": 0.55} | dict.fromkeys(other, 0.1), other)
    found = verdict(compare(read([tmp_path])[0])).certainty
    said = [sentence for sentence in found if "is not told apart" in sentence]
    assert [sentence[sentence.index("'") : -1] for sentence in said] == ([entry] if entry else [])


def test_runs_in_which_other_tasks_count_are_another_question(tmp_path: Path) -> None:
    for seed in range(2):
        written(tmp_path, "single_task", seed, {"a": 0.5}, ())
        written(tmp_path, "hard", seed, {"a": 0.6, "b": 0.6}, ("b",))
        written(tmp_path, "gated", seed, {"a": 0.6, "b": 0.6}, ())
    records, problems = read([tmp_path])
    assert {one.model for one in records} == {"single_task", "hard"}
    assert [one.reason for one in problems] == ["another question: suite synthetic, tasks a (r2), b (r2)"] * 2


def test_before_something_is_chosen_nothing_is_tested() -> None:
    """The best one so far is that of validation, and test rows say nothing of it, nor of it over a further baseline."""
    records, design = confirmed(effect=0.1)
    found = compare([*records, *further(records)], design=replace(design, chosen=None))
    assert found.best is not None
    assert found.best.label == "hard-equal"
    assert found.against == {}
    assert all(row.tested is None for row in found.rows if row.multi)
