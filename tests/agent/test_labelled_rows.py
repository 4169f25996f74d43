"""Predictions for test rows, beside their labels."""

import pytest
import torch
from torch import Tensor

from mtl.agent.labelled_rows import predict_test_rows, rows_with_labels
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs
from mtl.suites.batch import Split
from mtl.tasks import classification, regression
from tests.support import Rows

NAN = torch.nan


class Divided(Rows):
    """Other rows in each split: their numbers begin at 0, 100 and 200."""

    def load(self) -> dict[str, Split]:
        return {
            name: Split({SINGLE: self.given.inputs[SINGLE] + offset}, self.given.targets)
            for name, offset in {"train": 0.0, "val": 100.0, "test": 200.0}.items()
        }


def double(inputs: Inputs) -> dict[str, Tensor]:
    x = inputs[SINGLE][:, 0]
    return {"a": x * 2, "b": torch.stack([x, -x, 0 * x], 1)}


def suite(a: list[float], b: list[int]) -> Divided:
    rows = torch.arange(float(len(a)))[:, None]
    tasks = (regression("a", mean=1.0), classification("b", 3))
    return Divided({SINGLE: rows}, {"a": torch.tensor(a), "b": torch.tensor(b)}, tasks)


def test_only_test_rows_with_every_label_are_predicted() -> None:
    data = suite([5.0, NAN, 7.0, 8.0], [0, 1, -100, 2])
    data.setup("test")
    rows = predict_test_rows(double, data, ["a", "b"])
    assert rows.predicted["a"].tolist() == [401.0, 407.0], "decoded, in the order of the split"
    assert rows.true["a"].tolist() == [5.0, 8.0]
    assert rows.true["b"].tolist() == [0, 2]
    assert rows.predicted["b"].argmax(1).tolist() == [0, 0]
    assert predict_test_rows(double, data, ["a"]).true["a"].tolist() == [5.0, 7.0, 8.0]


def test_rows_come_in_order_from_many_batches() -> None:
    count = 10_000
    data = suite(list(map(float, range(count))), [0] * count)
    data.setup("test")
    sizes = []

    def predict(inputs: Inputs) -> dict[str, Tensor]:
        sizes.append(len(next(iter(double(inputs).values()))))
        return double(inputs)

    rows = predict_test_rows(predict, data, ["a"])
    assert rows.true["a"].tolist() == list(range(count))
    assert torch.equal(rows.predicted["a"], (torch.arange(count) + 200.0) * 2 + 1)
    assert len(sizes) > 1


def test_without_a_labelled_row_there_is_nothing_to_act_on() -> None:
    data = suite([5.0, NAN], [-100, 1])
    data.setup("test")
    with pytest.raises(InputError, match="no test row has a label for a and b"):
        predict_test_rows(double, data, ["a", "b"])
    with pytest.raises(InputError, match="no test row has a label for a and b"):
        rows_with_labels(data, ["a", "b"])
    assert rows_with_labels(data, ["a"], "val").tolist() == [True, False]
