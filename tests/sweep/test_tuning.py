"""Values of a grid that validation prefers: one for a network of all tasks, one for each task learned alone."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mtl.config.compose import configure
from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.sweep.plan import Configuration
from mtl.sweep.tuning import Point, best_points
from tests.support import tiny

MODELS = ("hard", "single_task")
COUNTS = SimpleNamespace(auxiliary=False)


@cache
def composed(model: str) -> RunConfig:
    return configure("task=synthetic", f"model={model}", "weighting=equal")


def point(model: str, losses: Mapping[str, float | None], lr: float, label: str = "", **changes: Any) -> Point:
    """Of a grid, with these validation losses by task; None: it was not measured."""
    config = composed(model)
    config = config.changed(optimizer={**config.optimizer, "lr": lr, **changes.pop("optimizer", {})}, **changes)
    known = [loss for loss in losses.values() if loss is not None]
    val = SimpleNamespace(
        score=prod(known) ** (1 / len(known)) if len(known) == len(losses) else None,
        tasks={task: {"r2": 0.0, **({} if loss is None else {"loss": loss})} for task, loss in losses.items()},
    )
    result: Any = SimpleNamespace(tasks=dict.fromkeys(losses, COUNTS), metrics={"val": val})
    return Configuration(label or model, config, 1, 1.0, rows=100), result


GRID = [(0.001, {"a": 1.0, "b": 0.2}), (0.01, {"a": 0.5, "b": 0.3}), (0.1, {"a": 0.6, "b": 0.9})]


def test_a_network_of_all_tasks_gets_the_lowest_score() -> None:
    (found,) = best_points([point("hard", losses, lr) for lr, losses in GRID])
    assert found.config.optimizer["lr"] == 0.01
    assert found.config.rates is None


def test_a_task_learned_alone_gets_a_rate_of_its_own() -> None:
    (found,) = best_points([point("single_task", losses, lr) for lr, losses in GRID])
    assert found.config.rates == {"a": 0.01, "b": 0.001}
    assert found.config.optimizer["lr"] == 0.01  # of the first task, where nothing of it is left


def test_what_else_is_tuned_is_the_same_for_all_tasks() -> None:
    points = [point("single_task", losses, lr, batch_size=10) for lr, losses in GRID]
    better = {"a": 0.4, "b": 0.25}
    points += [point("single_task", better, lr, batch_size=20) for lr, _ in GRID]
    (found,) = best_points(points)
    assert found.config.batch_size == 10  # a: .5, b: .2, against .4 and .25: the products are equal, the first counts
    points += [point("single_task", {"a": 0.1, "b": 0.2}, 0.3, batch_size=20)]
    (found,) = best_points(points)
    assert (found.config.batch_size, found.config.rates) == (20, None)
    assert found.config.optimizer["lr"] == 0.3
    decayed = [point("single_task", {"a": 0.2, "b": 0.05}, lr, optimizer={"weight_decay": 0.5}) for lr in (0.2, 0.4)]
    (found,) = best_points([*points, *decayed])  # .2 times .05 is less than .1 times .2
    assert found.config.optimizer == {**found.config.optimizer, "lr": 0.2, "weight_decay": 0.5}
    assert found.config.rates is None


def test_a_task_alone_does_not_take_its_rate_from_another_setting_of_the_optimizer() -> None:
    """By hand: .5 times .2 is less than .3 times .4, and what the first task would have by the second is nothing."""
    points = [
        point("single_task", losses, lr, optimizer={"weight_decay": decay})
        for lr, decay, losses in ((0.1, 0.0, {"a": 0.5, "b": 0.2}), (0.2, 0.5, {"a": 0.3, "b": 0.4}))
    ]
    for given in (points, points[::-1]):
        (found,) = best_points(given)
        assert (found.config.optimizer["lr"], found.config.optimizer["weight_decay"]) == (0.1, 0.0)
        assert found.config.rates is None


def test_what_was_not_measured_is_not_preferred() -> None:
    """Neither for a network of all tasks nor for a task alone, whichever comes first."""
    lost: list[tuple[float, dict[str, float | None]]] = [(0.1, {"a": None, "b": 0.1}), (0.2, {"a": 7.0, "b": 0.3})]
    for points in (lost, lost[::-1]):
        shared, alone = best_points([point(model, losses, lr) for model in MODELS for lr, losses in points])
        assert shared.config.optimizer["lr"] == 0.2
        assert alone.config.rates == {"a": 0.2, "b": 0.1}


def test_where_the_optimizer_has_no_rate_the_tasks_are_tuned_together() -> None:
    """An own one may have none; and a loss of zero is a small number."""
    points = [
        (replace(one, config=one.config.changed(optimizer={"_target_": "mine.Optimizer", "beta": beta})), result)
        for beta, losses in ((0.1, {"a": 0.5, "b": 0.5}), (0.2, {"a": 0.9, "b": 0.1}), (0.3, {"a": 0.1, "b": 1.0}))
        for one, result in [point("single_task", losses, 1.0)]
    ]
    assert [one.config.optimizer["beta"] for one in best_points(points)] == [0.2]
    solved = (points[0][0], point("single_task", {"a": 0.0, "b": 2.0}, 1.0)[1])
    assert [one.config.optimizer["beta"] for one in best_points([*points[1:], solved])] == [0.1]


def test_every_configuration_is_tuned_by_itself_in_the_order_of_the_plan() -> None:
    points = [point("hard", losses, lr, label) for label in ("first", "second") for lr, losses in GRID]
    points[5] = point("hard", {"a": 0.1, "b": 0.1}, 0.1, "second")
    found = best_points(points)
    assert [(one.label, one.config.optimizer["lr"]) for one in found] == [("first", 0.01), ("second", 0.1)]


@pytest.mark.smoke
def test_tasks_are_trained_at_their_own_rates(tmp_path: Path) -> None:
    """A task whose rate is tiny stays as it was; the other learns as at the optimizer's rate."""
    given = ("model=single_task", "weighting=equal", "tasks=[task0,task1]", "epochs=2", "patience=null")
    own, plain = (
        train(tiny(tmp_path, *given, *more))  # type: ignore[arg-type]
        for more in (("rates={task0: 1e-12}",), ())
    )
    assert own is not None
    assert plain is not None
    losses = [one.metrics["train"].tasks for one in (own, plain)]
    assert losses[0]["task1"] == losses[1]["task1"]
    assert losses[0]["task0"] != losses[1]["task0"]


@pytest.mark.parametrize(
    ("model", "rates", "message"),
    [
        ("hard", "{task0: 0.1}", "tasks that share parameters have one learning rate"),
        ("single_task", "{task9: 0.1}", "unknown task in rates 'task9': did you mean 'task2'"),
        ("single_task", "{task0: 0}", "rates"),
    ],
    ids=["shared", "unknown", "zero"],
)
def test_rates_that_cannot_be_are_named(tmp_path: Path, model: str, rates: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(tiny(tmp_path, f"model={model}", "weighting=equal", f"rates={rates}"))  # type: ignore[arg-type]
