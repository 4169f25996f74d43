"""The tables for machines: every gain of a summary follows from the runs in the table of results."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mtl.comparison.comparison import compare
from mtl.comparison.design import Design
from mtl.comparison.records import Record
from mtl.comparison.report.tables import results, summary
from mtl.comparison.verdict import verdict
from tests.comparison.test_verdict import confirmed, planted, run


def looked_often() -> tuple[list[Record], Design]:
    """All configurations at several looks, of which some end before the last one."""
    records = planted(np.random.default_rng(2), 0.02, seeds=8)
    return records, Design("full", tuple(range(8)), tuple(range(8)), (3, 5, 8), baseline="single_task-equal")


@pytest.mark.parametrize("made", [confirmed, looked_often])
def test_gains_of_a_summary_follow_from_the_runs_of_the_table(made: Callable[[], tuple[list[Record], Design]]) -> None:
    """By hand: of the means of the same seeds."""
    records, design = made()
    found = compare(records, design=design)
    table, told = results(found), summary("name", found, verdict(found), ())
    measured = [one for one in told["configurations"] if one["test"]]
    for one in measured:
        seeds, by_task = one["test"]["seeds"], []
        decide = table[(table.configuration == one["label"]) & (table.part == "test")]
        assert sorted(set(decide.seed)) == sorted(seeds)
        for task, cell in one["test"]["tasks"].items():
            mine = decide[decide.task == task]
            base = table[
                (table.configuration == told["baseline"]) & (table.task == task) & table.seed.isin(seeds)
            ].test.mean()
            gain = (mine.test.mean() / base - 1) * (1 if told["tasks"][task]["higher_is_better"] else -1)
            by_task.append(gain)
            assert cell["mean"] == pytest.approx(mine.test.mean())
            assert [cell["gain"]["mean"], mine.gain.mean()] == pytest.approx([gain, gain], abs=1e-12)
        delta = [one["test"]["delta_m"]["mean"], decide.delta_m.mean()]
        assert delta == pytest.approx([np.mean(by_task)] * 2, abs=1e-12)
        others = table[(table.configuration == one["label"]) & (table.part != "test")]
        assert others[["gain", "delta_m"]].isna().to_numpy().all()


def test_a_run_that_neither_decides_nor_was_screened_is_called_unused() -> None:
    records, design = confirmed(effect=0.1)
    table = results(compare(records, design=replace(design, looks=(3, 5))))
    part = {(one.configuration, one.seed): one.part for one in table.itertuples()}
    assert {part["soft-equal", seed] for seed in (0, 1)} == {"screening"}
    for label in ("hard-equal", "single_task-equal"):
        parts = [part[label, seed] for seed in range(14)]
        assert parts == ["screening"] * 2 + ["test"] * 3 + ["unused"] * 9
    found = results(compare([*planted(np.random.default_rng(0), 0.05), run("hard", "equal", 9, (0.8, 2.0))]))
    assert set(found[found.seed == 9].part) == {"unused"}  # the baseline has no such seed
