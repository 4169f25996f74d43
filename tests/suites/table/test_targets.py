"""Columns as labels of tasks."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mtl.nn.encoder import SINGLE
from mtl.suites.table import Splitting
from mtl.suites.table.targets import identifier, parse_targets
from tests.suites.table.customers import customers, suite


def test_labels_are_aligned_and_missing_ones_marked() -> None:
    frame = customers()
    made = suite(frame)
    rows = Splitting().rows(frame)
    for name, split in made.splits.items():
        part = frame.iloc[rows[name]]
        assert len(split) == len(part)
        torch.testing.assert_close(split.targets["churn"], torch.tensor((part["churn"] == "yes").to_numpy()).float())
        spend = torch.tensor(part["spend"].to_numpy(), dtype=torch.float32)
        torch.testing.assert_close(split.targets["spend"], spend, equal_nan=True)
        expected = [-100 if pd.isna(v) else ["north", "old", "young"].index(v) for v in part["segment"]]
        assert split.targets["segment"].tolist() == expected
        assert split.inputs[SINGLE].isfinite().all()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("churn", "churn"),
        ("Größe", "Größe"),
        ("a b-c", "a_b_c"),
        ("1st", "_1st"),
        ("class", "class_"),
        ("items", "items"),
    ],
)
def test_odd_column_names_become_names_of_tasks(text: str, name: str) -> None:
    assert identifier(text) == name


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["yes", "no"], ("no", "yes")),
        ([1, 0], ("0", "1")),
        ([True, False], ("False", "True")),
        (["good", "bad"], ("bad", "good")),
        ([10, 9], ("9", "10")),
    ],
)
def test_the_second_value_of_a_binary_target_means_yes(values: list[Any], order: tuple[str, str]) -> None:
    frame = pd.DataFrame({"x": np.arange(40), "y": values * 20})
    assert suite(frame, {"y": "binary"}).targets[0].values == order


def test_the_positive_value_can_be_chosen() -> None:
    frame = pd.DataFrame({"x": np.arange(40), "y": ["good", "bad"] * 20})
    made = suite(frame, {"default": {"column": "y", "kind": "binary", "positive": "bad"}})
    assert made.targets[0].values == ("good", "bad")
    assert made.tasks[0].name == "default"


def test_target_specs_name_tasks_and_columns() -> None:
    found = parse_targets({"a b": "binary", "t": {"column": "c", "kind": "classes"}})
    assert {name: (wish.column, wish.kind) for name, wish in found.items()} == {
        "a_b": ("a b", "binary"),
        "t": ("c", "classes"),
    }
