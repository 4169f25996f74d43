"""Values of a grid that validation prefers: one for a network of all tasks, one for each task learned alone."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.sweep.plan import Configuration
from mtl.sweep.tuning import best_points
from tests.results import run_result
from tests.support import tiny


def point(model: str, losses: Mapping[str, float], *overrides: str) -> tuple[Configuration, object]:
    config = configure("task=synthetic", f"model={model}", "weighting=equal", *overrides)
    tasks = {task: {"loss": loss, "r2": 0.0} for task, loss in losses.items()}
    score = 1.0
    for loss in losses.values():
        score *= loss ** (1 / len(losses))
    result = run_result(
        f"model={model}",
        *overrides,
        metrics={split: {"score": score, "tasks": tasks} for split in ("train", "val", "test")},
        tasks={task: {"primary": "r2", "higher_is_better": True} for task in losses},
    )
    return Configuration(model, config, 1, 1.0, rows=100), result


GRID = [("0.001", {"a": 1.0, "b": 0.2}), ("0.01", {"a": 0.5, "b": 0.3}), ("0.1", {"a": 0.6, "b": 0.9})]


def test_a_network_of_all_tasks_gets_the_lowest_score() -> None:
    (found,) = best_points([point("hard", losses, f"optimizer.lr={lr}") for lr, losses in GRID])  # type: ignore[misc]
    assert found.config.optimizer["lr"] == 0.01
    assert found.config.rates is None


def test_a_task_learned_alone_gets_a_rate_of_its_own() -> None:
    (found,) = best_points(
        [point("single_task", losses, f"optimizer.lr={lr}") for lr, losses in GRID]  # type: ignore[misc]
    )
    assert found.config.rates == {"a": 0.01, "b": 0.001}


def test_what_else_is_tuned_is_the_same_for_all_tasks() -> None:
    points = [point("single_task", losses, f"optimizer.lr={lr}", "batch_size=10") for lr, losses in GRID]
    better = {"a": 0.4, "b": 0.25}
    points += [point("single_task", better, f"optimizer.lr={lr}", "batch_size=20") for lr, _ in GRID]
    (found,) = best_points(points)  # type: ignore[arg-type]
    assert found.config.batch_size == 10  # a: .5, b: .2, against .4 and .25: the products are equal, the first counts
    points += [point("single_task", {"a": 0.1, "b": 0.2}, "optimizer.lr=0.3", "batch_size=20")]
    (found,) = best_points(points)  # type: ignore[arg-type]
    assert (found.config.batch_size, found.config.rates) == (20, None)
    assert found.config.optimizer["lr"] == 0.3


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
