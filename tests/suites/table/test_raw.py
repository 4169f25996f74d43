"""Columns as what is no network reads them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mtl.errors import InputError
from mtl.suites.table import Splitting, TableSuite
from tests.suites.table.customers import TARGETS, customers


def raw(frame: pd.DataFrame, **options: object) -> TableSuite:
    """The suite of a frame, serving raw columns, loaded."""
    made = TableSuite(lambda: frame, TARGETS, **options)
    made.configure_batches(1, seed=0)
    made.serve_raw_columns()
    made.setup("fit")
    return made


def test_numbers_stand_as_in_the_table() -> None:
    """Not standardised, not cut off, in double precision, NaN where missing."""
    frame = customers()
    frame.loc[0, "age"] = 1e12 + 1
    made = raw(frame)
    numbers = made.inputs(frame)["numbers"]
    assert numbers.dtype == torch.float64
    names = [column.name for column in made.encoding.columns if column.kind == "number"]
    assert names == ["age", "visits", "member"]
    order = [column.name for column in made.encoding.columns if column.kind != "category"]
    places = {name: order.index(name) + 7 * (order.index(name) > order.index("since")) for name in names}
    for name, place in places.items():
        np.testing.assert_array_equal(numbers[:, place].numpy(), frame[name].astype(float).to_numpy())


def test_every_category_of_the_training_rows_has_a_number() -> None:
    """However many a network tells apart; the most frequent ones come first, and what is unseen is missing."""
    frame = customers()
    draw = np.random.default_rng(1)
    frame["shop"] = [f"shop {i}" for i in np.minimum(draw.geometric(0.1, len(frame)), 30)]
    made = raw(frame, categories=2)
    train = frame.iloc[Splitting().rows(frame)["train"]]
    place = [column.name for column in made.encoding.columns if column.kind == "category"].index("shop")
    codes = made.inputs(train)["categories"][:, place]
    assert codes.min() == 0
    counts = torch.bincount(codes)
    assert len(counts) == train["shop"].nunique() > 10
    assert (counts.diff() <= 0).all()
    by_code = pd.Series(train["shop"].to_numpy()).groupby(codes.numpy()).nunique()
    assert (by_code == 1).all()
    new = made.inputs(frame.assign(shop=["unseen", None] * 100))["categories"][:, place]
    assert (new == -1).all()


def test_data_and_tasks_are_those_of_networks() -> None:
    """The same fingerprint, rows and labels: runs of both can be compared."""
    frame = customers()
    network = TableSuite(lambda: frame, TARGETS)
    network.configure_batches(1, seed=0)
    network.setup("fit")
    made = raw(frame)
    assert made.fingerprint == network.fingerprint
    for name, split in network.splits.items():
        for task, target in split.targets.items():
            torch.testing.assert_close(made.splits[name].targets[task], target, equal_nan=True)


def test_new_rows_are_read_as_the_training_rows_were(tmp_path: Path) -> None:
    frame = customers()
    made = raw(frame, categories=1)
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps(made.statistics()))
    again = TableSuite(lambda: pytest.fail("the rows are not needed"), TARGETS, statistics=str(path))
    again.serve_raw_columns()
    assert again.input_shape == made.input_shape
    assert again.statistics() == made.statistics()
    new = customers(20)
    for name, values in made.inputs(new).items():
        torch.testing.assert_close(again.inputs(new)[name], values, rtol=0, atol=0, equal_nan=True)


def test_statistics_of_a_network_are_not_enough(tmp_path: Path) -> None:
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps(TableSuite(customers, TARGETS).statistics()))
    again = TableSuite(customers, TARGETS, statistics=str(path))
    with pytest.raises(InputError, match="damaged"):
        again.serve_raw_columns()
