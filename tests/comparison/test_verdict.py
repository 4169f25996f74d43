"""The verdict on planted data: it must find what is there, and seldom find what is not."""

import re
from collections.abc import Iterable
from dataclasses import replace
from math import nan

import numpy as np
import pytest
from scipy import stats

from mtl.comparison.comparison import compare
from mtl.comparison.design import Design
from mtl.comparison.records import Record
from mtl.comparison.types import HELPS, HURTS, SAME, UNCLEAR, Evidence, Measurement, Row, Rules
from mtl.comparison.verdict import DOES_NOT_PAY, NO_DIFFERENCE, NOT_ENOUGH, PAYS, named, verdict
from mtl.comparison.wording import format_stated
from mtl.errors import InputError
from mtl.runs.contributions import Contributions, Outcome
from tests.comparison.support import make_record

TASKS = ("a", "b")


def run(
    model: str, weighting: str, seed: int, test: Iterable[float], *, val: Iterable[float] = (), seconds: float = 10.0
) -> Record:
    return make_record(
        model,
        weighting,
        seed,
        primary={"a": "accuracy", "b": "mae"},
        test=dict(zip(TASKS, test, strict=True)),
        parameters=300 if model == "single_task" else 100,
        seconds=seconds,
        **({"val": dict(zip(TASKS, val, strict=True))} if val else {}),
    )


def planted(rng: np.random.Generator, effect: float, seeds: int = 5, spread: float = 0.01) -> list[Record]:
    """One baseline and three configurations; each gains ``effect`` (times 1, 0.8, 0.6) on both tasks, seeds vary."""
    records = []
    for seed in range(seeds):
        accuracy, error = 0.8 + rng.normal(0, 0.01), 2.0 + rng.normal(0, 0.02)
        records.append(run("single_task", "equal", seed, (accuracy, error)))
        for share, model in zip((1.0, 0.8, 0.6), ("hard", "soft", "gated"), strict=True):
            better = effect * share + rng.normal(0, spread, 4)
            test = accuracy * (1 + better[0]), error * (1 - better[1])
            val = accuracy * (1 + better[2]), error * (1 - better[3])
            records.append(run(model, "equal", seed, test, val=val))
    return records


def outcomes(effect: float, draws: int, **more: float) -> list[str]:
    rng = np.random.default_rng(7)
    return [verdict(compare(planted(rng, effect, **more))).outcome for _ in range(draws)]  # type: ignore[arg-type]


def test_a_metric_that_is_no_number_is_named() -> None:
    """Not as if no run had finished."""
    runs = planted(np.random.default_rng(0), 0.1)
    place = next(i for i, one in enumerate(runs) if one.model == "hard" and one.seed == 2)
    lost = {"a": nan, "b": 1.0}
    part = "a: accuracy is no number on the {} rows of 1 of 5 runs of hard-equal (seed 2)"
    untested = verdict(compare([*runs[:place], replace(runs[place], test=lost), *runs[place + 1 :]]))
    assert any(one.startswith(part.format("test")) for one in untested.certainty)
    unranked_one = verdict(compare([*runs[:place], replace(runs[place], val=lost), *runs[place + 1 :]]))
    said = "hard-equal was no candidate for the best configuration. " + part.format("validation")
    assert any(one.startswith(said) for one in unranked_one.certainty)
    only = [
        replace(one, val=lost if one.seed == 2 else one.val) for one in runs if one.model in ("hard", "single_task")
    ]
    unranked = verdict(compare(only)).headline
    assert "can be ranked on validation" in unranked
    assert part.format("validation") in unranked


@pytest.mark.parametrize("resplit", [False, True])
@pytest.mark.parametrize("told", ["rows", "labels", "groups", "weights"])
def test_few_rows_that_are_all_right_do_not_show_that_there_is_no_difference(resplit: bool, told: str) -> None:
    """Of twenty rows of a kind of which one in six is wrong, none is wrong once in forty times.

    Also where there are more rows, of which twenty have a label, or a weight, or which come in twenty groups.
    """
    right, some = np.ones(20 if told == "rows" else 2000), np.arange(2000) < 20
    rows = {"a": np.where(some, right, nan) if told == "labels" else right}
    kept = Contributions(
        rows,
        None,
        groups=np.arange(2000) % 20 if told == "groups" else None,
        weights=some.astype(float) if told == "weights" else None,
    )
    runs = [
        replace(
            make_record(model, seed=seed, primary={"a": "accuracy"}, test={"a": 1.0}, kept=lambda: kept),
            rows={"train": 9000, "test": len(right)},
        )
        for model in ("single_task", "hard")
        for seed in range(5)
    ]
    design = replace(Design.unplanned(range(5)), resplit=resplit)
    best = compare(runs, design=design).best
    assert best is not None
    found = measured(best).delta
    assert found.interval == pytest.approx((-(1 - 0.02 ** (1 / 20)), 1 - 0.02 ** (1 / 20)))
    assert found.call == UNCLEAR


def measured(row: Row) -> Measurement:
    assert row.tested is not None
    return row.tested


def test_multi_task_that_must_win_wins() -> None:
    assert outcomes(0.05, 25).count(PAYS) >= 24


def test_multi_task_that_must_lose_loses() -> None:
    assert outcomes(-0.05, 25).count(DOES_NOT_PAY) >= 24


def test_where_nothing_differs_a_difference_is_claimed_at_most_at_the_stated_rate() -> None:
    found = outcomes(0.0, 100, spread=0.05)
    claimed = found.count(PAYS) + found.count(DOES_NOT_PAY)
    assert claimed <= stats.binom.ppf(0.999, 100, 0.05)
    assert found.count(NOT_ENOUGH) >= 70


def test_where_nothing_differs_and_all_is_precise_no_difference_is_found() -> None:
    assert outcomes(0.0, 20, spread=0.002).count(NO_DIFFERENCE) >= 19


def test_negative_transfer_on_one_task_is_flagged_though_the_mean_gains() -> None:
    rng = np.random.default_rng(0)
    records = []
    for seed in range(6):
        records.append(run("single_task", "equal", seed, (0.8, 2.0)))
        noise = rng.normal(0, 0.001, 2)
        records.append(run("hard", "equal", seed, (0.8 * (1.2 + noise[0]), 2.0 * (1.05 + noise[1]))))
    found = verdict(compare(records))
    assert found.outcome == PAYS
    assert found.negative_transfer == (("hard-equal", "b"),)
    text = found.text.replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"It hurts b \(-5.0 %, -5.\d % to -4.\d %\) \(negative transfer\)", text)
    assert "parameters -67 %" in text
    assert "b mae 2 apart, 2.1 together" in text


def test_gains_by_hand() -> None:
    records = [
        *(run("single_task", "equal", seed, (0.5, 2.0)) for seed in (0, 1)),
        run("hard", "equal", 0, (0.6, 1.0), seconds=5.0),
        run("hard", "equal", 1, (0.5, 1.0), seconds=7.0),
        run("hard", "equal", 9, (0.9, 0.1), seconds=9.0),  # no baseline at this seed
    ]
    found = compare(records)
    (row,) = found.rows
    assert measured(row).seeds == (0, 1)
    assert measured(row).cells["a"].evidence.gains == pytest.approx((0.2, 0.0))
    assert measured(row).cells["b"].evidence.gains == pytest.approx((0.5, 0.5))
    assert measured(row).delta.gains == pytest.approx((0.35, 0.25))
    assert row.costs["seconds"] == 7.0
    assert row.rank == 1.0
    assert found.baseline.rank == 2.0
    assert found.front_tasks == ("hard-equal",)


def test_the_best_is_chosen_on_validation_not_on_test() -> None:
    records = []
    for seed in range(3):
        records.append(run("single_task", "equal", seed, (0.5, 2.0)))
        records.append(run("hard", "equal", seed, (0.9, 1.0), val=(0.5, 2.0)))
        records.append(run("soft", "equal", seed, (0.5, 2.0), val=(0.6, 1.9)))
    best = compare(records).best
    assert best is not None
    assert best.label == "soft-equal"


def test_a_gain_too_small_to_matter_does_not_pay_even_when_it_is_certain() -> None:
    rng = np.random.default_rng(1)
    records = []
    for seed in range(6):
        records.append(run("single_task", "equal", seed, (0.8, 2.0)))
        tiny = 1.002 + rng.normal(0, 0.0001, 2)
        records.append(run("hard", "equal", seed, (0.8 * tiny[0], 2.0 / tiny[1])))
    found = compare(records)
    assert measured(found.rows[0]).delta.interval[0] > 0
    assert measured(found.rows[0]).delta.call == SAME
    assert measured(compare(records, Rules(margin=1e-4)).rows[0]).delta.call == HELPS


def test_an_unmeasured_task_is_no_evidence() -> None:
    records = [run(m, "equal", s, (0.8 + s / 100, nan)) for m in ("single_task", "hard") for s in range(3)]
    found = compare(records)
    assert found.best is None
    assert measured(found.rows[0]).cells["b"].evidence.call == UNCLEAR
    assert verdict(found).outcome == NOT_ENOUGH


@pytest.mark.parametrize("rule", [{"alpha": 0.0}, {"alpha": 1.0}, {"alpha": nan}, {"margin": -0.1}, {"margin": 1.0}])
def test_rules_by_which_everything_or_nothing_would_count_are_refused(rule: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"=.*: expected a number between 0 and 1"):
        Rules(**rule)
    assert Rules(margin=0.0).margin == 0


def test_a_further_baseline_is_compared_with_the_best() -> None:
    records = planted(np.random.default_rng(3), -0.1)
    for seed in range(5):
        small = run("single_task", "equal", seed, (0.5, 3.0))
        config = {**small.config, "encoder": {"widths": [3]}}
        records.append(Record(**{**vars(small), "configuration": "small", "config": config}))
    found = compare(records)
    assert found.baseline.key == "single_task-equal"
    (against,) = found.against.values()
    assert against.mean > 0.2
    assert found.best is not None
    assert measured(found.best).delta.call == HURTS
    assert not found.rows[-1].multi
    assert measured(found.rows[-1]).delta.call == UNCLEAR  # of baselines nothing is claimed


def test_gains_that_are_plain_differences_are_said_to_be() -> None:
    """Only what gains are over makes them so: another configuration that fails changes nothing for the others."""
    records = planted(np.random.default_rng(5), 0.02)
    failed = [replace(one, test={**one.test, "a": 0.0}) if one.model == "soft" else one for one in records]
    before, after = compare(records), compare(failed)
    assert "plain difference" not in verdict(after).text
    assert [row.validation for row in after.rows] == [row.validation for row in before.rows]
    assert measured(after.rows[0]) == measured(before.rows[0])
    base = [replace(one, test={**one.test, "a": 0.0}) if one.model == "single_task" else one for one in records]
    found = verdict(compare(base))
    assert any(text.startswith("The gain of a is a plain difference, since") for text in found.certainty)


def test_what_still_improved_when_its_budget_ended_gets_no_mark() -> None:
    records = planted(np.random.default_rng(4), 0.05)
    assert verdict(compare(records)).outcome == PAYS
    unfinished = [replace(one, still_improving=one.model == "single_task") for one in records]
    found = verdict(compare(unfinished))
    assert found.outcome == NOT_ENOUGH
    assert found.headline.startswith("Nothing is claimed on average, since the budget ended trainings that still")
    assert "single_task-equal still improved when the budget ended the training" in found.text


@pytest.mark.parametrize("epochs", [3, 9])
def test_a_further_baseline_that_still_improved_is_not_beaten(epochs: int) -> None:
    """Unless it has a budget of its own, as one of the same seconds: that is what was asked."""
    records = planted(np.random.default_rng(4), 0.05)
    matched = [
        replace(one, configuration="matched", config={**one.config, "epochs": epochs}, still_improving=True)
        for one in records
        if one.model == "single_task"
    ]
    found = compare([*records, *matched], names={"matched": "matched"})
    assert found.baseline.key == "single_task-equal"
    assert found.against["matched"].call == (UNCLEAR if epochs == 3 else HELPS)
    said = "matched still improved when the budget ended the training, so nothing is claimed of the difference to it"
    assert (said in verdict(found).text) == (epochs == 3)


def test_what_runs_of_the_best_warned_of_is_said() -> None:
    records = [
        replace(one, notes=("task 'a': its weight stayed low.",) if one.model == "hard" and one.seed < 2 else ())
        for one in planted(np.random.default_rng(4), 0.05)
    ]
    said = "2 of 5 runs of hard-equal warned: task 'a': its weight stayed low."
    assert said in verdict(compare(records)).sentences
    for more, others in ((("Too hot.",), "1 other note"), (("Too hot.", "Too cold."), "2 other notes")):
        noted = [replace(one, notes=(*one.notes, *more) if one.notes else ()) for one in records]
        assert f"{said} (and {others}, which the report lists)" in verdict(compare(noted)).sentences


def test_what_was_no_candidate_is_said_of_multi_task_configurations_alone() -> None:
    """A further baseline is none in any case."""
    records = planted(np.random.default_rng(4), 0.05)
    small = [
        replace(one, configuration="small", val={"a": nan, "b": 2.0}) for one in records if one.model == "single_task"
    ]
    assert "no candidate" not in verdict(compare([*records, *small])).text


def test_many_names_are_counted_from_the_ninth_on() -> None:
    names = [f"t{i}" for i in range(9)]
    assert named(names[:8]) == "t0, t1, t2, t3, t4, t5, t6 and t7"
    assert named(names) == "t0, t1, t2, t3, t4, t5, t6, t7 and 1 other task"


def confirmed(effect: float = 0.03, done: int = 12, chosen: str = "hard-equal") -> tuple[list[Record], Design]:
    """Runs of a comparison by screening and confirmation, of which so many deciding seeds are done."""
    rng = np.random.default_rng(5)
    records = planted(rng, effect, seeds=2)
    for seed in range(2, 2 + done):
        noise = rng.normal(0, 0.01, 2)
        records.append(run("single_task", "equal", seed, (0.8, 2.0)))
        records.append(run("hard", "equal", seed, (0.8 * (1 + effect + noise[0]), 2.0 * (1 - effect - noise[1]))))
    design = Design("confirm", (0, 1), tuple(range(2, 14)), (3, 5, 8, 12), False, "single_task-equal", chosen)
    return records, design


def test_only_the_chosen_configuration_is_measured_on_test_and_only_on_fresh_seeds() -> None:
    records, design = confirmed()
    found = compare(records, design=design)
    confirmed_rows = [row for row, _ in found.tested_rows]
    assert [row.label for row in confirmed_rows] == ["hard-equal"]
    assert not set(measured(confirmed_rows[0]).seeds) & {0, 1}
    assert {row.label for row in found.rows} == {"hard-equal", "soft-equal", "gated-equal"}
    assert all(row.screened == (0, 1) for row in found.all_rows)


@pytest.mark.parametrize(("effect", "decides"), [(0.1, 3), (0.02, 5)])
def test_one_stops_at_the_look_that_decides_and_later_runs_do_not_count(effect: float, decides: int) -> None:
    records, design = confirmed(effect=effect)
    found = compare(records, design=design)
    assert found.best is not None
    looks = measured(found.best).looks
    assert [look.seeds for look in looks] == [3, 5, 8, 12][: len(looks)]
    assert looks[-1].call == HELPS
    assert all(look.call == UNCLEAR for look in looks[:-1])
    assert len(measured(found.best).seeds) == looks[-1].seeds == decides


def test_seeds_after_the_look_that_decides_are_not_missing() -> None:
    records = planted(np.random.default_rng(2), 0.0, seeds=6, spread=0.02)
    records += [run("ple", "equal", seed, (0.4 + 0.001 * seed, 4.0), val=(0.4, 4.0)) for seed in range(6)]
    design = Design("full", tuple(range(6)), tuple(range(6)), (3, 6), baseline="single_task-equal")
    found = compare(records, design=design)
    seeds = {row.label: len(tested.seeds) for row, tested in found.tested_rows}
    assert (seeds["ple-equal"], seeds["soft-equal"]) == (3, 6)
    assert "Seeds are missing" not in verdict(found).text
    without = [one for one in records if (one.seed, one.model) != (5, "soft")]
    assert "Seeds are missing for soft-equal." in verdict(compare(without, design=design)).text


@pytest.mark.parametrize("done", [0, 2])
def test_before_the_first_look_is_complete_nothing_is_said(done: int) -> None:
    records, design = confirmed(effect=0.1, done=done)
    found = verdict(compare(records, design=design))
    assert found.outcome == NOT_ENOUGH
    assert f"{done} of the 3 fresh seeds of the first look are done" in found.text
    full = replace(design, kind="full", seeds=tuple(range(14)), looks=(20,))
    assert f"{done + 2} of the 20 seeds of the first look are done" in verdict(compare(records, design=full)).text


def test_a_seed_that_failed_ends_what_can_be_looked_at() -> None:
    records, design = confirmed(effect=0.02)
    without = [one for one in records if (one.seed, one.model) != (5, "hard")]
    found = compare(without, design=design)
    assert found.best is not None
    assert measured(found.best).seeds == (2, 3, 4)


def test_one_error_rate_is_stated_and_adds_up() -> None:
    records, design = confirmed(effect=0.0)
    found = compare(records, design=design)
    assert found.best is not None
    mean = sum(design.mean_alphas(found.rules.alpha, 1))
    others = sum(design.other_alphas(found.rules.alpha, 1, found.hypotheses)) * found.hypotheses
    assert mean + others == pytest.approx(0.05)
    text = verdict(found).text
    assert "All claims of this report hold together with a chance of 95% or more" in text
    assert "0.004 at 3 seeds, 0.008 at 5 seeds, 0.012 at 8 seeds and 0.016 at 12 seeds" in text


@pytest.mark.parametrize(
    ("share", "decimals", "text"),
    [(0.95, 0, "95%"), (1 - 0.001, 0, "99.9%"), (1 - 0.025, 0, "97.5%"), (0.01, 1, "1.0%"), (0.0005, 1, "0.05%")],
)
def test_what_a_person_has_set_is_not_rounded(share: float, decimals: int, text: str) -> None:
    assert format_stated(share, decimals) == text


def test_the_verdict_states_the_error_rate_and_the_margin_that_were_asked_for() -> None:
    """Of 0.0025 "0.2%" would claim more than was tested, of an alpha of 0.001 "100%"."""
    records = planted(np.random.default_rng(7), 0.0, seeds=8, spread=1e-5)
    found = verdict(compare(records, Rules(alpha=0.001, margin=0.0025)))
    assert found.outcome == NO_DIFFERENCE
    assert "makes no difference beyond 0.25%: " in found.headline
    assert "hold together with a chance of 99.9% or more" in found.text


def test_where_all_are_measured_the_error_rate_is_divided_among_them() -> None:
    records = planted(np.random.default_rng(6), 0.0)
    found = compare(records)
    alphas = {measured(row).delta.alpha for row, _ in found.tested_rows}
    assert list(alphas) == pytest.approx([0.8 * 0.05 / 3])


def test_rows_of_the_test_set_widen_the_interval() -> None:
    rng = np.random.default_rng(8)
    records = []
    for model in ("single_task", "hard"):
        of_rows = rng.normal(0, 0.4, 100)
        for seed in range(5):
            accuracy = 0.8 + rng.normal(0, 0.001)
            rows = {"a": accuracy + of_rows - of_rows.mean()}
            one = make_record(model, "equal", seed, primary={"a": "accuracy"}, test={"a": accuracy}, rows=rows)
            records.append(one)
    plain = [make_record(o.model, "equal", o.seed, primary=o.primary, test=o.test) for o in records]
    wide, narrow = (measured(compare(runs).rows[0]).delta.estimate.error for runs in (records, plain))
    assert wide > 10 * narrow
    assert wide == pytest.approx(np.sqrt(2 * 0.4**2 / 100) / 0.8, rel=0.3)


def test_rows_without_a_label_have_no_part_in_it() -> None:
    rng = np.random.default_rng(9)
    full, part = [], []
    for model in ("single_task", "hard"):
        for seed in range(4):
            values = 0.8 + rng.normal(0, 0.1, 50)
            accuracy = float(values.mean())
            arguments = {"primary": {"a": "accuracy"}, "test": {"a": accuracy}}
            full.append(make_record(model, "equal", seed, **arguments, rows={"a": values}))  # type: ignore[arg-type]
            padded = np.concatenate([values, np.full(50, nan)])
            part.append(make_record(model, "equal", seed, **arguments, rows={"a": padded}))  # type: ignore[arg-type]
    a, b = (measured(compare(runs).rows[0]).delta.estimate for runs in (full, part))
    assert (a.mean, a.error) == pytest.approx((b.mean, b.error), rel=0.02)


def test_what_the_agent_achieves_is_judged_by_the_same_statistics() -> None:
    rng = np.random.default_rng(10)
    records = []
    for model, level in (("single_task", 1.10), ("hard", 1.05)):
        for seed in range(6):
            outcome = Outcome("makespan", False, level + rng.normal(0, 0.002, 20), None)
            records.append(make_record(model, seed=seed, primary={"a": "mae"}, test={"a": 1.0}, outcome=outcome))
    found = compare(records)
    outcome = measured(found.rows[0]).outcome
    assert outcome is not None
    assert outcome.mean == pytest.approx(0.0455, abs=0.002)
    assert outcome.call == HELPS
    assert "The agent acts better with it: +4." in verdict(found).text


def test_splits_of_their_own_make_the_claim_one_about_the_population() -> None:
    records, design = confirmed(effect=0.02)
    fixed, split = (compare(records, design=replace(design, resplit=resplit, looks=(12,))) for resplit in (False, True))
    assert fixed.best is not None
    assert split.best is not None
    assert measured(split.best).delta.estimate.error > measured(fixed.best).delta.estimate.error
    assert "It holds for the population" in verdict(split).text
    assert "these training rows" in verdict(fixed).text


@pytest.mark.parametrize(
    ("models", "message"),
    [((), "no finished run"), (("hard",), "none of the runs has model=single_task")],
    ids=["nothing", "no baseline"],
)
def test_what_cannot_be_compared_is_said(models: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare([run(model, "equal", 0, (0.5, 1.0)) for model in models])


def test_one_seed_is_no_evidence_and_says_so() -> None:
    found = verdict(compare(planted(np.random.default_rng(0), 0.5, seeds=1)))
    assert found.outcome == NOT_ENOUGH
    assert "One seed says nothing about chance" in found.text
    assert "averaged over 2 tasks and 1 seed." in found.text


def test_no_further_look_is_announced_where_only_the_budget_keeps_back_the_answer() -> None:
    """The same command would end at the same look."""
    records, design = confirmed(done=3)
    improving = [replace(one, still_improving=True) for one in records]
    found = verdict(compare(improving, design=design))
    assert found.outcome == NOT_ENOUGH
    assert "give more epochs" in found.text
    assert "run the same command again" not in found.text


def test_runs_of_unlike_code_are_said() -> None:
    """A difference may be one of the versions: found runs are not all of one day."""
    records = planted(np.random.default_rng(0), 0.05)
    assert "unlike code" not in verdict(compare(records)).text
    newer = [replace(one, environment={"commit": "b" if one.model == "hard" else "a"}) for one in records]
    assert (
        "These runs were made by unlike code, which may be a difference too: commit a and b."
        in verdict(compare(newer)).sentences
    )
    own = [
        replace(one, named={"acme.loss": "1" if one.seed else "2"} if one.model == "hard" else {}) for one in records
    ]
    assert "unlike code, which may be a difference too: acme.loss 2 and 1." in verdict(compare(own)).text
    alike = [replace(one, named={"acme.loss": "1"}, environment={"commit": "a"}) for one in records]
    assert "unlike code" not in verdict(compare(alike)).text


def test_of_found_runs_no_further_look_is_announced() -> None:
    """The baseline has seeds that the best configuration lacks; nobody has planned them."""
    records = planted(np.random.default_rng(3), 0.001, spread=0.05)
    found = verdict(compare([one for one in records if one.model == "single_task" or one.seed < 2]))
    assert found.outcome == NOT_ENOUGH
    assert "next look" not in found.text
    assert "(0.04 at 2 seeds, divided among 3 configurations)" in found.text


def test_units_are_those_of_the_seeds_that_gains_are_of() -> None:
    """The baseline has a third seed, whose accuracy is lower."""
    records = [run("single_task", "equal", seed, (accuracy, 2.0)) for seed, accuracy in enumerate((0.8, 0.8, 0.2))]
    records += [run("hard", "equal", seed, (0.7, 2.0)) for seed in (0, 1)]
    assert "a accuracy 0.8 apart, 0.7 together" in verdict(compare(records)).text


@pytest.mark.parametrize(
    ("apart", "together", "said"),
    [
        ((8.0, 10.0, 12.0), (4.0, 5.0, 6.0), "training seconds -50 % (from run to run -67 % to -25 %), "),
        ((8.0,), (4.0,), "training seconds -50 % (one run of each), "),
        ((8.0, 8.0), (4.0, 4.0), "training seconds -50 % (measured once for each), "),  # as runs at once share it
    ],
)
def test_costs_by_a_clock_say_how_far_runs_are_apart(
    apart: tuple[float, ...], together: tuple[float, ...], said: str
) -> None:
    found = compare(
        [
            run(model, "equal", seed, (0.5, 2.0), seconds=seconds)
            for model, each in (("single_task", apart), ("hard", together))
            for seed, seconds in enumerate(each)
        ]
    )
    words = verdict(found).cost[0].replace("\N{NO-BREAK SPACE}", " ")
    assert f"parameters -67 %, {said}peak memory +0 %, inference seconds" in words


@pytest.mark.parametrize(
    ("effect", "spread", "said", "task"),
    [
        (
            0.05,
            0.01,
            "Learning together pays: the best configuration, hard-equal, gains {size}, {over}.",
            "It helps {}.",
        ),
        (
            -0.05,
            0.003,
            "Learning together does not pay: even the best configuration, gated-equal, is at {size}, {over}.",
            "It hurts {} (negative transfer).",
        ),
        (
            0.0,
            0.001,
            "Learning together makes no difference beyond 1.0%: the best configuration, {best}, is at {size}, {over}.",
            "It makes no difference that matters to {}.",
        ),
        (
            0.0,
            0.1,
            "Not enough evidence either way on average: the best configuration, {best}, is at {size}, {over}.",
            "There is no evidence either way for {}.",
        ),
    ],
)
def test_the_headline_says_the_outcome_its_size_and_over_what(
    effect: float, spread: float, said: str, task: str
) -> None:
    found = compare(planted(np.random.default_rng(3), effect, spread=spread))
    assert found.best is not None
    tested, answer = measured(found.best), verdict(found)

    def percent(value: float) -> str:
        return f"{100 * value:+.{1 if abs(value) >= 0.01 else 2}f}\N{NO-BREAK SPACE}%"

    def ends(one: Evidence) -> str:
        return f"{percent(one.interval[0])} to {percent(one.interval[1])}"

    size, over = f"{percent(tested.delta.mean)} ({ends(tested.delta)})", "averaged over 2 tasks and 5 seeds"
    assert answer.headline == said.format(best=found.best.label, size=size, over=over)
    power = ["With 5 seeds and"] if answer.outcome == NOT_ENOUGH else []
    assert [one[:16] for one in answer.certainty] == [*power, "It holds for thi", "All claims of th"]  # and no caveat
    cells = {name: cell.evidence for name, cell in tested.cells.items()}
    assert answer.meaning[0] == task.format(
        " and ".join(f"{name} ({percent(one.mean)}, {ends(one)})" for name, one in cells.items())
    )


@pytest.mark.parametrize(
    ("value", "said"), [(0.5, "makes no difference beyond 1.0%"), (0.47, "does not pay")], ids=["the same", "worse"]
)
def test_what_gained_without_being_chosen_is_named_where_the_chosen_one_did_not(value: float, said: str) -> None:
    """And the headline is of the chosen one alone: learning together does pay with another."""
    rng, records = np.random.default_rng(0), []
    for seed in range(6):
        noise = rng.normal(0, 0.001, 4)
        records.append(run("single_task", "equal", seed, (0.5, 2.0)))
        records.append(run("hard", "equal", seed, (value * (1 + noise[0]), 1 / value + noise[1]), val=(0.6, 1.9)))
        for model in ("soft", "gated"):
            records.append(run(model, "equal", seed, (0.55 + noise[2], 1.8 + noise[3]), val=(0.5, 2.0)))
    found = verdict(compare(records))
    start = f"Learning together {said} with the configuration that validation prefers: hard-equal is at "
    assert found.headline.startswith(start)
    assert found.certainty[0].replace("\N{NO-BREAK SPACE}", " ") == (
        "On test data soft-equal (+10.0 %) and gated-equal (+10.0 %) did gain, but validation data did not single them "
        "out."
    )
    one = verdict(compare([record for record in records if record.model != "gated"]))
    assert one.certainty[0].replace("\N{NO-BREAK SPACE}", " ") == (
        "On test data soft-equal (+10.0 %) did gain, but validation data did not single it out."
    )
    assert "did gain" not in verdict(compare(planted(rng, 0.05))).text


def test_of_runs_at_once_seconds_are_shares_and_memory_is_that_of_all() -> None:
    records = [
        replace(run(model, "equal", seed, (0.5, 2.0), seconds=seconds), replicas=2 if model == "hard" and seed else 1)
        for model, seconds in (("single_task", 8.0), ("hard", 4.0))
        for seed in (0, 1)
    ]
    (words,) = verdict(compare(records)).cost
    assert "training seconds (shares of trainings at once) -50" in words
    assert "memory" not in words
    free = [replace(one, inference=0.0 if one.model == "single_task" else 0.1) for one in records]
    assert "inference" not in verdict(compare(free)).cost[0]


def test_of_many_tasks_a_sentence_names_those_that_change_most() -> None:
    names = [f"t{i}" for i in range(20)]
    primary = dict.fromkeys(names, "r2")
    apart = dict.fromkeys(names, 0.5)
    together = {name: 0.5 + 0.001 * place * (-1) ** place for place, name in enumerate(names)}
    found = compare(
        [
            make_record(model, seed=seed, primary=primary, test=test)
            for model, test in (("single_task", apart), ("hard", together))
            for seed in (0, 1)
        ]
    )
    tasks, units = (text.replace("\N{NO-BREAK SPACE}", " ") for text in verdict(found).meaning if text)
    assert "There is no evidence either way for t19 (-1.9 %, no interval), t18 (" in tasks
    assert "t12 (+1.2 %, no interval) and 12 other tasks." in tasks
    assert "t11" not in tasks
    assert units.startswith("In their own units: t19 r2 0.5 apart, 0.481 together; t18 ")
    assert units.endswith("; 12 other tasks in the table.")
