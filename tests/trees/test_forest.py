"""Trees in a file, and how large they are."""

from pathlib import Path

import pytest
import torch

from mtl.errors import InputError
from mtl.runs.files import read_json, write_json
from mtl.trees.boosting import BoostedTrees
from mtl.trees.forest import Forest
from tests.trees.planted import Planted


@pytest.fixture(scope="module")
def data() -> Planted:
    return Planted()


@pytest.fixture(scope="module")
def forest(data: Planted) -> Forest:
    return BoostedTrees(num_iterations=12).fit(data, 0, 1, lambda *_: None)


def test_what_is_read_predicts_what_was_written(forest: Forest, data: Planted, tmp_path: Path) -> None:
    forest.write(tmp_path / "trees.json")
    again = Forest.read(tmp_path / "trees.json")
    assert again == forest
    inputs = data.splits["test"].inputs
    for name, value in forest.predict(inputs).items():
        assert torch.equal(again.predict(inputs)[name], value)


def test_predictions_have_the_shapes_of_a_networks(forest: Forest, data: Planted) -> None:
    """Also of a single row."""
    for rows in (1, 400):
        inputs = {name: values[:rows] for name, values in data.splits["test"].inputs.items()}
        shapes = {name: tuple(value.shape) for name, value in forest.predict(inputs).items()}
        assert shapes == {"above": (rows,), "third": (rows, 3), "level": (rows,)}


def test_nodes_are_those_that_the_library_counts(forest: Forest) -> None:
    for name, count in forest.nodes().items():
        assert count == len(forest.boosters[name].trees_to_dataframe())


@pytest.mark.parametrize("damage", ["cut off", "changed", "other", "no file"])
def test_a_damaged_file_is_refused(forest: Forest, tmp_path: Path, damage: str) -> None:
    """Before the library sees it: where a text is cut off, it ends the process."""
    path = tmp_path / "trees.json"
    forest.write(path)
    found = read_json(path)
    if damage == "cut off":
        path.write_text(path.read_text()[:1000])
    elif damage == "changed":
        found["level"]["trees"] = found["level"]["trees"][:1000]
        write_json(path, found)
    elif damage == "other":
        write_json(path, {"level": "trees"})
    else:
        path.unlink()
    with pytest.raises(InputError, match=r"trees\.json"):
        Forest.read(path)
