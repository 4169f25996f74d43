"""What boosting learns, when it stops, and what it refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.module.evaluation import Evaluation
from mtl.suites.batch import Split
from mtl.tasks import (
    NO_LABEL,
    Task,
    TaskGraph,
    binary,
    choice,
    classification,
    conditional,
    count,
    ordinal,
    quantiles,
    regression,
)
from mtl.trees.boosting import Boosted, BoostedTrees
from mtl.trees.columns import matrix_of
from mtl.trees.forest import Forest
from tests.trees.planted import TASKS, Planted, without_labels


def fit(data: Planted, seed: int = 0, **settings: Any) -> tuple[Forest, dict[str, Boosted]]:
    """The trees, and what boosting left of each task."""
    done: dict[str, Boosted] = {}
    return BoostedTrees(**settings).fit(data, seed, 1, done.__setitem__), done


def measured(forest: Forest, data: Planted, split: str) -> dict[str, dict[str, float]]:
    evaluation = Evaluation(TaskGraph(data.tasks))
    for batch in data.loader(split):
        evaluation.add(forest.predict(batch.inputs), batch)
    return evaluation.result().tasks


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_planted_functions_are_found() -> None:
    """Splits of numbers and sets of categories, of rows that were not learned from."""
    data = Planted()
    found = measured(fit(data)[0], data, "test")
    assert found["above"]["auroc"] > 0.999
    assert found["third"]["accuracy"] == 1
    assert found["level"]["r2"] > 0.999
    assert found["level"]["mae"] < 1  # in the target's units, of which it spans 55


def test_the_kept_iteration_has_the_lowest_loss_on_the_validation_rows() -> None:
    """By the task's own loss: what is measured with the kept trees is the lowest value of the course."""
    data = Planted()
    data.splits["val"].targets["level"].add_(5 * torch.randn(400))
    data.splits["train"].targets["above"][:300] = 1 - data.splits["train"].targets["above"][:300]
    forest, done = fit(data, num_iterations=120)
    losses = measured(forest, data, "val")
    for name, boosted in done.items():
        assert boosted.best == int(np.argmin(boosted.losses))
        assert losses[name]["loss"] == pytest.approx(min(boosted.losses), rel=1e-5, abs=1e-6)


def test_boosting_stops_where_validation_labels_say_nothing() -> None:
    """With the validation labels of a task shuffled, it stops at once; the other tasks are as before."""
    data, shuffled = Planted(), Planted()
    target = shuffled.splits["val"].targets
    target["level"] = target["level"][torch.randperm(400, generator=torch.Generator().manual_seed(1))]
    settings = {"early_stopping_round": 10, "num_iterations": 300}
    before, after = (fit(one, **settings)[1] for one in (data, shuffled))
    assert after["level"].best < 5 < before["level"].best
    assert len(after["level"].losses) == after["level"].best + 1 + 10
    assert after["above"] == before["above"]


def test_the_same_seed_gives_the_same_trees() -> None:
    """Another seed draws other rows and columns, if any are drawn."""
    data = Planted()
    inputs = data.splits["test"].inputs
    first = fit(data, num_iterations=20)[0].predict(inputs)
    assert same(fit(data, num_iterations=20)[0].predict(inputs), first)
    assert not same(fit(data, 1, num_iterations=20)[0].predict(inputs), first)
    everything = {"num_iterations": 20, "bagging_fraction": 1.0, "feature_fraction": 1.0}
    assert same(*(fit(data, seed, **everything)[0].predict(inputs) for seed in (0, 2**32 - 1)))


def test_the_number_of_threads_changes_nothing() -> None:
    data = Planted(TASKS[2:])
    found = [BoostedTrees(num_iterations=2).fit(data, 0, threads, lambda *_: None) for threads in (1, 2)]
    assert same(*(forest.predict(data.splits["test"].inputs) for forest in found))


def test_rows_without_a_label_change_nothing() -> None:
    """Learning with missing labels is learning without these rows, for each task alone."""
    data, fewer = Planted(), Planted(TASKS[2:])
    for split in ("train", "val"):
        rows = data.splits[split]
        rows.targets["level"] = without_labels(rows.targets["level"], 0.5)
        fewer.splits[split] = data.given[split].rows(torch.arange(len(rows) // 2, len(rows)))
    assert fit(data, num_iterations=30)[1]["level"] == fit(fewer, num_iterations=30)[1]["level"]


def test_an_unseen_category_is_a_missing_one() -> None:
    data = Planted()
    forest, _ = fit(data, num_iterations=30)
    inputs = dict(data.splits["test"].inputs)
    missing = forest.predict(inputs | {"categories": torch.full((400, 1), -1)})
    assert torch.equal(missing["third"].argmax(-1), torch.full((400,), 2))  # the class planted for missing ones


def test_whole_numbers_below_zero_are_numbers() -> None:
    """As an own suite may serve them; only of categories they mean a missing one."""
    found = matrix_of({"x": torch.tensor([[-3, 2], [0, -1]])})
    assert found.tolist() == [[-3, 2], [0, -1]]
    both = matrix_of({"numbers": torch.tensor([[-3.0]]), "categories": torch.tensor([[-1]])})
    assert both[0, 0] == -3
    assert np.isnan(both[0, 1])


def test_a_class_without_rows_keeps_its_place() -> None:
    data = Planted(TASKS[1:2])
    for rows in data.splits.values():
        rows.targets["third"][rows.targets["third"] == 0] = NO_LABEL
    found = measured(fit(data)[0], data, "test")
    assert found["third"]["accuracy"] == 1


def test_columns_that_say_nothing_give_the_mean() -> None:
    data = Planted(TASKS[2:])
    for name, rows in data.splits.items():
        data.splits[name] = Split({"numbers": torch.zeros(len(rows), 1, dtype=torch.float64)}, rows.targets)
    forest, _ = fit(data)
    predicted = TASKS[2].decode(forest.predict(data.splits["test"].inputs)["level"])
    torch.testing.assert_close(predicted, data.splits["train"].targets["level"].mean().expand(400))


def test_rows_count_by_their_weights() -> None:
    """Where two labels contradict each other, the prediction is the weighted mean."""
    data = Planted(TASKS[2:])
    for name, rows in data.splits.items():
        level = torch.arange(len(rows)) % 2 * 40.0
        inputs = {"numbers": torch.zeros(len(rows), 1, dtype=torch.float64)}
        data.splits[name] = Split(inputs, {"level": level}, 0.5 + (level > 0))
    predicted = TASKS[2].decode(fit(data)[0].predict(data.splits["test"].inputs)["level"])
    torch.testing.assert_close(predicted, torch.full((400,), 30.0))


def test_classes_count_by_their_weights() -> None:
    """Of a column that says nothing the chance of each class is its weighted share."""
    tasks = (binary("above", weights=(1.0, 3.0)), classification("third", 3, weights=(1.0, 1.0, 4.0)))
    data = Planted(tasks)
    for name, rows in data.splits.items():
        inputs = {"numbers": torch.zeros(len(rows), 1, dtype=torch.float64)}
        targets = {"above": torch.arange(len(rows)) % 2 * 1.0, "third": torch.arange(len(rows)) % 4 % 3}
        data.splits[name] = Split(inputs, targets)
    predicted = fit(data)[0].predict(data.splits["test"].inputs)
    torch.testing.assert_close(torch.sigmoid(predicted["above"])[0], torch.tensor(0.75), atol=1e-3, rtol=0)
    chances = torch.softmax(predicted["third"], 1)[0]
    torch.testing.assert_close(chances, torch.tensor([2.0, 1.0, 4.0]) / 7, atol=5e-3, rtol=0)


def test_a_conditional_task_is_learned_over_all_rows() -> None:
    data = Planted((TASKS[0], TASKS[2]))
    data.tasks = (TASKS[0], conditional("level", "above"))
    for rows in data.splits.values():
        rows.targets["level"] = (rows.targets["level"] > 70).float()
    assert measured(fit(data)[0], data, "test")["level"]["auroc"] > 0.999


def test_rates_and_classes_in_order_are_found() -> None:
    """Rates of 3 to 85, of which counts are drawn; classes as if they had no order."""
    data = Planted((count("level", mean=50.0), ordinal("third", [0.3, 0.3, 0.4])))
    rates = {name: rows.targets["level"] for name, rows in data.splits.items()}
    draw = torch.Generator().manual_seed(0)
    for name, rows in data.splits.items():
        rows.targets["level"] = torch.poisson(rates[name], generator=draw)
    forest, _ = fit(data)
    found = measured(forest, data, "test")
    assert found["third"] == {"mae": 0.0, "kappa": 1.0, "accuracy": 1.0, "loss": pytest.approx(0, abs=0.01)}
    predicted = data.tasks[0].decode(forest.predict(data.splits["test"].inputs)["level"])
    assert (predicted / rates["test"] - 1).abs().mean() < 0.05
    assert found["level"]["deviance"] == pytest.approx(1, abs=0.15)  # that of counts whose rate is known


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_task_without_labels_is_refused(split: str) -> None:
    data = Planted()
    data.splits[split].targets["third"].fill_(NO_LABEL)
    with pytest.raises(InputError, match=f"task 'third' has no label in the {split} split"):
        fit(data, num_iterations=1)


def curved(name: str) -> Task:
    return replace(regression(name), decode=torch.exp, encode=None)


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (choice("level"), "the kinds binary, classes, ordinal, regression, count, and 'level' is of the kind choice"),
        (quantiles("level", [0.5]), "'level' is of the kind quantiles"),
        (replace(TASKS[2], kind=""), "'level' is of the kind unknown"),
    ],
)
def test_other_kinds_are_refused(task: Task, says: str) -> None:
    with pytest.raises(InputError, match=says):
        BoostedTrees().check(Planted((task,)))


def test_a_number_on_no_scale_is_refused() -> None:
    with pytest.raises(InputError, match="up to scale and offset, and task 'level' decodes another"):
        fit(Planted((curved("level"),)))


@pytest.mark.parametrize(
    "setting",
    [
        "learning_rate=0.0",
        "learning_rate=1.5",
        "num_leaves=1",
        "num_iterations=0",
        "early_stopping_round=0",
        "min_data_in_leaf=0",
        "lambda_l2=-0.1",
        "bagging_fraction=0.0",
        "feature_fraction=1.1",
    ],
)
def test_settings_out_of_range_are_refused(setting: str) -> None:
    name, value = setting.split("=")
    with pytest.raises(InputError, match=rf"^model\.{setting}: expected a (whole )?number,? "):
        BoostedTrees(**{name: float(value) if "." in value else int(value)})


def test_the_settings_of_the_config_are_the_defaults() -> None:
    node = configure("task=synthetic", "model=trees").model
    assert BoostedTrees(**{key: value for key, value in node.items() if key != "_target_"}) == BoostedTrees()
