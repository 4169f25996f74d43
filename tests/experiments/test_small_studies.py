"""Studies of many small networks: they run, and their tables say what was measured."""

import math

import pytest
import torch

from experiments.fronts.run import descend, front, learn, losses_at, measure
from experiments.grouping.run import SMALL as GROUPED
from experiments.grouping.run import tag
from experiments.loop import data_of, fit
from experiments.preferences.run import SUITES, WEIGHTS, volumes
from experiments.preferences.run import study as preferences
from experiments.published.run import table
from experiments.sharings.run import change
from experiments.sharings.run import study as sharings
from mtl.assembly import build
from mtl.config.compose import configure

SMALL = ("task=synthetic", "task.num_tasks=2", "task.rows=200", "encoder.widths=[4]", "batch_size=32")


def test_a_short_training_keeps_what_was_best_on_validation() -> None:
    """Of networks apart for each task by itself; measured on the same rows, nothing later is better."""
    data = data_of(SMALL)
    fitted = fit(SMALL, ("model=single_task", "weighting=equal", "optimizer.lr=0.5"), 0, 60)
    assert set(fitted.states) == {"task0", "task1"}
    kept = fitted.measure(data, "val")
    fitted.module.network.load_state_dict(fitted.states["task0"])
    found = fitted.module.evaluate(data.loader("val")).tasks
    assert kept["task0"]["loss"] == found["task0"]["loss"]
    assert kept["task1"]["loss"] <= float(found["task1"]["loss"] or 0)


def test_a_loss_that_is_no_number_is_not_the_best_one() -> None:
    """As of a network that has diverged; 0 would win every comparison."""
    fitted = fit(SMALL, ("model=hard", "weighting=equal", "optimizer.lr=0.01"), 0, 20)
    for state in fitted.states.values():
        for values in state.values():
            values.fill_(math.nan)
    found = fitted.measure(data_of(SMALL), "test")
    assert all(math.isnan(one["loss"]) and math.isnan(one["metric"]) for one in found.values())


def test_every_strategy_is_beside_networks_apart() -> None:
    """The change of the baseline is 0; the mean of changes is that of their logarithms."""
    rows = list(sharings("related", ["hard"], range(1), steps=20))
    assert [row[1] for row in rows] == ["single_task", "hard"]
    assert float(rows[0][3]) == 0
    assert float(rows[1][3]) == pytest.approx(100 * (float(rows[1][4]) / float(rows[0][4]) - 1), abs=0.1)
    assert change([10.0, 12.0]).startswith("+11.0 (")


def test_hypervolume_counts_what_validation_keeps() -> None:
    """One network of each trade-off beside networks for all; a point that is worse in both losses is left out."""
    rows = list(preferences("narrow", range(1), steps=20))
    assert [row[1] for row in rows] == [name for name in ("fixed", "palora", "conditioned") for _ in WEIGHTS]
    fixed = [["s", "fixed", "0", f"{w}", "1", "1", "1", "1", "0"] for w in WEIGHTS]
    better = [
        ["s", "palora", "0", "0.5", "1", "1", "0.5", "1", "0"],
        ["s", "palora", "0", "0.7", "2", "2", "0", "0", "0"],
    ]
    found = volumes([*fixed, *better], "s")
    assert found == {"fixed": [pytest.approx(1.0)], "palora": [pytest.approx(1.5)]}
    assert set(SUITES) == {"digits", "narrow"}


def test_points_are_measured_against_the_concave_front() -> None:
    """A point of the front is on it; descents and one network end with losses that there are."""
    best = front()
    middle = torch.stack(losses_at(torch.zeros(20)))  # at 45 degrees, on the front
    assert measure([middle] * 5, best)[:2] == (5, 1)
    assert measure([middle + 0.1] * 5, best)[0] == 0
    for end in (descend("epo", 30, 0, steps=5), *learn("palora", "epo", 0, steps=5)):
        assert all(0 <= value < 1 and math.isfinite(value) for value in end.tolist())


def test_another_method_that_groups_trains_as_ours_does() -> None:
    """It looks at the losses in the same training, and is asked when that has ended."""
    made = build(configure(*GROUPED, "task.num_tasks=2", "task.rows=40", "affinity.epochs=1", "batch_size=20"))
    made.data.setup("fit")
    assert sorted(map(sorted, tag(made))) in ([[0], [1]], [[0, 1]])


def test_one_seed_has_no_spread() -> None:
    rows = [["census", label, "0", "0.5", "0.6"] for label in ("single_task", "hard")]
    assert table("census", rows).splitlines()[2].startswith("| single_task | 0.5000 | 0.6000 |")
