"""The verdict on planted data: it must find what is there, and seldom find what is not."""

from collections.abc import Iterable
from math import nan

import numpy as np
import pytest
from scipy import stats

from mtl.comparison.comparison import compare
from mtl.comparison.records import Record
from mtl.comparison.types import HURTS, SAME, UNCLEAR, Rules
from mtl.comparison.verdict import DOES_NOT_PAY, NO_DIFFERENCE, NOT_ENOUGH, PAYS, verdict
from mtl.errors import InputError
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
    assert "hurts b (-5.0 %) (negative transfer)" in text
    assert "parameters -67 %" in text


def test_gains_by_hand() -> None:
    records = [
        *(run("single_task", "equal", seed, (0.5, 2.0)) for seed in (0, 1)),
        run("hard", "equal", 0, (0.6, 1.0), seconds=5.0),
        run("hard", "equal", 1, (0.5, 1.0), seconds=7.0),
        run("hard", "equal", 9, (0.9, 0.1)),  # no baseline at this seed
    ]
    found = compare(records)
    (row,) = found.rows
    assert row.seeds == (0, 1)
    assert row.cells["a"].evidence.gains == pytest.approx((0.2, 0.0))
    assert row.cells["b"].evidence.gains == pytest.approx((0.5, 0.5))
    assert row.delta.gains == pytest.approx((0.35, 0.25))
    assert row.costs["seconds"] == 6.0
    assert row.rank == 1.0
    assert found.baseline.rank == 2.0
    assert found.front_tasks == ("hard-equal",)
    assert "2 seeds: without assuming a distribution they can reach p = 0.5 at best" in verdict(found).text


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
    assert found.rows[0].delta.p < 0.001
    assert found.rows[0].delta.call == SAME
    assert compare(records, Rules(margin=1e-4)).rows[0].delta.call != SAME


def test_an_unmeasured_task_is_no_evidence() -> None:
    records = [run(m, "equal", s, (0.8 + s / 100, nan)) for m in ("single_task", "hard") for s in range(3)]
    found = compare(records)
    assert found.best is None
    assert found.rows[0].cells["b"].evidence.call == UNCLEAR
    assert verdict(found).outcome == NOT_ENOUGH


def test_a_further_baseline_is_compared_with_the_best() -> None:
    records = planted(np.random.default_rng(3), -0.1)
    for seed in range(5):
        small = run("single_task", "equal", seed, (0.5, 3.0))
        config = {**small.config, "encoder": {"widths": [3]}}
        records.append(Record(**{**vars(small), "configuration": "small", "config": config}))
    found = compare(records)
    assert found.baseline.records[0].configuration == "single_task-equal"
    (against,) = found.against.values()
    assert against.mean > 0.2
    assert found.best is not None
    assert found.best.delta.call == HURTS
    assert not found.rows[-1].multi


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
