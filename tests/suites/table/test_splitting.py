"""Which rows are for training, validation and test."""

from typing import Any

import numpy as np
import pytest

from mtl.errors import InputError
from mtl.suites.table import Splitting
from tests.suites.table.customers import customers, suite


@pytest.mark.parametrize("by", ["random", "time", "group"])
def test_every_row_is_in_one_split(by: str) -> None:
    frame = customers().assign(group=np.arange(200) // 7)
    column = {"random": None, "time": "since", "group": "group"}[by]
    rows = Splitting(by, column).rows(frame)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(200))
    assert all(abs(len(rows[name]) - 30) <= 7 for name in ("val", "test"))


def test_the_future_is_not_in_training() -> None:
    frame = customers().sample(frac=1, random_state=0)
    frame["since"] = frame["since"].str[:10]  # several rows a day
    rows = Splitting("time", "since").rows(frame)
    times = {name: set(frame["since"].iloc[chosen]) for name, chosen in rows.items()}
    assert max(times["train"]) < min(times["val"]) <= max(times["val"]) < min(times["test"])


def test_a_group_is_in_one_split_only() -> None:
    frame = customers().assign(city=lambda f: f["city"] + f["visits"].astype(str))
    rows = Splitting("group", "city").rows(frame)
    groups = [set(frame["city"].iloc[chosen]) for chosen in rows.values()]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


def test_rows_that_depend_on_each_other_are_named_by_a_column() -> None:
    frame = customers().assign(city=lambda f: f["city"] + f["visits"].astype(str))
    ways = [Splitting(groups="city"), Splitting("group", "city"), Splitting("time", "since", groups="city")]
    for splitting in ways:
        data = suite(frame, splitting=splitting)
        data.setup("fit")
        assert not any(name.startswith("city") for name in data.encoding.features)
        for split, rows in splitting.rows(data.frame).items():
            groups = data.splits[split].groups
            assert groups is not None
            cities = data.frame["city"].iloc[rows].astype(str).tolist()
            pairs = set(zip(groups.tolist(), cities, strict=True))
            assert len(pairs) == len(set(groups.tolist())) == len(set(cities))


def test_rows_are_independent_unless_a_column_says_otherwise() -> None:
    data = suite(customers(), splitting=Splitting("time", "since"))
    data.setup("fit")
    assert data.splits["test"].groups is None
    with pytest.raises(InputError, match=r"unknown column in task.split.groups 'citi': did you mean 'city'"):
        suite(customers(), splitting=Splitting(groups="citi")).setup("fit")


def test_the_column_of_the_split_is_no_input_unless_chosen() -> None:
    frame = customers()
    split = Splitting("time", "since")
    assert "since: axis" not in suite(frame, splitting=split).encoding.features
    assert "since: axis" in suite(frame, splitting=split, columns={"since": "time"}).encoding.features


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "tim"}, "unknown way in task.split.by 'tim': did you mean 'time'"),
        ({"by": "time"}, "needs the column of the times"),
        ({"val": 0.6, "test": 0.5}, "together below 1"),
        ({"val": 0.0}, "must be above 0"),
        ({"test": "a tenth"}, "test=a tenth: expected shares"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Splitting(**options)
