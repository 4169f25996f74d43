"""Columns as inputs of a network, by statistics of the training rows."""

import json
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.table import Splitting, TableSuite
from mtl.suites.table.encoding import CategoryColumn, Encoding, NumberColumn
from tests.suites.table.customers import TARGETS, customers, suite


def test_statistics_come_from_the_training_rows_only() -> None:
    frame = customers()
    rows = Splitting().rows(frame)
    made = suite(frame)
    changed = frame.copy()
    elsewhere = np.concatenate([rows["val"], rows["test"]])
    changed.loc[elsewhere, "age"] = 1e6
    changed.loc[elsewhere, "city"] = "Rome"
    changed.loc[elsewhere, "spend"] = -1e6
    other = suite(changed)
    assert made.statistics() == other.statistics()
    assert torch.equal(made.splits["train"].inputs[SINGLE], other.splits["train"].inputs[SINGLE])


def test_training_inputs_are_standardised() -> None:
    inputs = suite(customers()).splits["train"].inputs[SINGLE]
    torch.testing.assert_close(inputs[:, 0].mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs[:, 0].std(correction=0), torch.tensor(1.0), atol=1e-4, rtol=0)


def test_unseen_and_missing_categories_are_other() -> None:
    made = suite(customers())
    rows = customers(4).assign(city=["Oslo", "Rome", None, "Köln"])
    names = made.encoding.features
    start = names.index("city = other")
    expected = [[0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    assert made.inputs(rows)[SINGLE][:, start : start + 4].tolist() == expected
    assert names[start + 1 : start + 4] == ("city = Köln", "city = Lima", "city = Oslo")


def test_a_letter_with_its_accent_is_one_category_however_it_is_written() -> None:
    """As one sign in the training and as two in new rows, and the other way round; also of a target."""
    frame = customers()
    apart = frame.assign(city=frame["city"].map(lambda city: normalize("NFD", city)))
    for first, then in ((frame, apart), (apart, frame)):
        made = suite(first, {"churn": "binary"})
        assert made.inputs(then)[SINGLE].equal(made.inputs(first)[SINGLE])
        assert made.unfamiliar(then[then["city"] != "Oslo"]) == []
        target = suite(first, {"city": "classes"}, columns={"segment": "category"}).targets[0]
        assert target.encode(then).equal(target.encode(first))
        assert not target.unknown(then).notna().any()


def test_missing_numbers_are_the_mean_and_say_so() -> None:
    made = suite(customers())
    place = made.encoding.features.index("visits")
    assert made.encoding.features[place + 1] == "visits is missing"
    encoded = made.inputs(customers(2).assign(visits=[np.nan, made.encoding.plain()[1]["mean"]]))[SINGLE]
    assert encoded[:, place].tolist() == [0, 0]
    assert encoded[:, place + 1].tolist() == [1, 0]


def test_times_are_angles() -> None:
    frame = pd.DataFrame({"t": ["2024-01-01 06:00", "2024-01-03 18:00", None]})
    encoding = Encoding.fit(frame, {"t": "time"}, 5)
    day, gone = encoding.encode(frame)[:, 1:3], encoding.encode(frame)[:, -1]
    torch.testing.assert_close(day, torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]), atol=1e-4, rtol=0)
    assert gone.tolist() == [0, 0, 1]
    monday = Encoding.fit(frame, {"t": "time"}, 5).encode(pd.DataFrame({"t": ["2024-01-01"]}))[0, 3:5]
    torch.testing.assert_close(monday, torch.tensor([0.0, 1.0]), atol=1e-4, rtol=0)


def test_values_most_of_which_are_alike_to_a_network_are_said() -> None:
    """As 400 shops, of which 50 are told apart unless more are asked for."""
    draw = np.random.default_rng(0)
    shops, few = draw.integers(0, 400, 1000).astype(str), draw.integers(0, 60, 1000).astype(str)
    frame = pd.DataFrame({"shop": [f"s{s}" for s in shops], "few": [f"f{s}" for s in few], "y": draw.normal(size=1000)})
    made = TableSuite(lambda: frame, {"y": "regression"})
    train = frame.shop.iloc[made.splitting.rows(frame)["train"]]
    others = 700 - train.value_counts().head(50).sum()
    assert made.notes == [
        f"column 'shop': {others} of 700 training rows have none of its 50 most frequent values, of {train.nunique()}, "
        f"and are alike to a network; to tell them apart: task.categories={train.nunique()}"
    ]
    assert TableSuite(lambda: frame, {"y": "regression"}, categories=400).notes == []
    assert TableSuite(lambda: frame, {"y": "regression"}, categories=0).notes == []


def test_columns_are_numbers_and_categories() -> None:
    frame = customers()
    made = suite(frame, form="columns")
    assert made.input_shape == {"numbers": (11,), "categories": (1,)}
    rows = customers(4).assign(city=["Oslo", "Rome", None, "Köln"], visits=[np.nan, 1, 2, 3])
    found = made.inputs(rows)
    assert found["categories"].tolist() == [[2], [-1], [-1], [0]]
    assert found["numbers"].shape == (4, 11)
    assert found["numbers"].isnan().sum() == 1
    flat = suite(frame).inputs(rows)[SINGLE]
    assert torch.equal(found["numbers"][:, 0], flat[:, 0])
    with pytest.raises(InputError, match="unknown form"):
        suite(frame, form="rows")


def test_a_table_may_have_no_numbers_or_no_categories() -> None:
    frame = pd.DataFrame({"c": ["a", "b"] * 20, "y": np.arange(40.0)})
    assert suite(frame, {"y": "regression"}, form="columns").input_shape == {"categories": (1,)}
    assert suite(frame, {"c": "binary"}, form="columns").input_shape == {"numbers": (1,)}


def test_a_written_encoding_repeats_itself(tmp_path: Path) -> None:
    frame = customers()
    made = suite(frame)
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps(made.statistics()))
    again = TableSuite(lambda: pytest.fail("the rows are not needed"), TARGETS, statistics=str(path))
    new = customers(20).assign(city="Rome")
    assert torch.equal(made.inputs(new)[SINGLE], again.inputs(new)[SINGLE])
    assert again.input_shape == made.input_shape
    assert [task.name for task in again.tasks] == list(TARGETS)
    assert again.statistics() == made.statistics()
    with pytest.raises(InputError, match="no file"):
        TableSuite(lambda: frame, TARGETS, statistics=str(tmp_path / "other.json"))
    path.write_text('{"targets": [')
    with pytest.raises(InputError, match="damaged"):
        TableSuite(lambda: frame, TARGETS, statistics=str(path))


def test_quantiles_make_any_distribution_normal_by_the_training_rows_alone() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"skewed": np.exp(3 * draw.normal(size=2000)), "count": draw.poisson(1.0, 2000), "y": draw.integers(0, 2, 2000)}
    )
    made = suite(frame, {"y": "binary"}, form="columns", numbers="quantile")
    train = made.splits["train"].inputs["numbers"]
    skewed = train[:, 0].numpy()
    assert scipy.stats.kstest(skewed, "norm").statistic < 0.02
    order = made.frame.skewed.iloc[made.splitting.rows(made.frame)["train"]].to_numpy().argsort()
    assert (np.diff(skewed[order]) >= 0).all()
    halves = NumberColumn.fit("a", pd.Series([0, 1] * 9000), "quantile").numbers(pd.Series([0, 1]))
    np.testing.assert_allclose(
        halves[:, 0], scipy.stats.norm.ppf([0.25, 0.75]), rtol=0.01
    )  # middle of the levels of each
    beyond = made.inputs(pd.DataFrame({"skewed": [-1.0, 1e9, np.nan], "count": [0, 0, 0]}))["numbers"][:, 0]
    np.testing.assert_allclose(beyond[:2], [-3.0902, 3.0902], atol=1e-3)
    assert beyond[2].isnan()
    assert Encoding.of(json.loads(json.dumps(made.encoding.plain()))) == made.encoding
    with pytest.raises(InputError, match=r"way in task\.numbers 'quantiles': did you mean 'quantile'"):
        suite(frame, {"y": "binary"}, numbers="quantiles")


def test_a_frequent_value_leaves_the_others_their_levels() -> None:
    """Of amounts that nine in ten do not have, those that are there are told apart as if all had one."""
    draw = np.random.default_rng(0)
    amount = np.exp(draw.normal(size=3000)).round(2)
    column = NumberColumn.fit("amount", pd.Series(np.where(np.arange(3000) % 10, 0.0, amount)), "quantile")
    rare = column.numbers(pd.Series(np.quantile(amount, [0.1, 0.5, 0.9])))[:, 0]
    assert rare[0] < 0 < rare[1] < 1 < rare[2] < 2
    assert column.numbers(pd.Series([0.0]))[0, 0] < rare[0]


def test_robust_numbers_are_scaled_by_quartiles_and_limited_smoothly() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"heavy": draw.standard_t(2, 500), "rare": (draw.random(500) < 0.1) * 4.0, "y": draw.integers(0, 2, 500)}
    )
    frame.loc[7, "heavy"] = 1e30
    made = suite(frame, {"y": "binary"}, form="columns", numbers="robust")
    rows = made.splitting.rows(frame)
    train = frame.iloc[rows["train"]]
    for name, place, scale in (("heavy", 0, scipy.stats.iqr(train.heavy)), ("rare", 1, 2.0)):  # half the range
        z = (frame[name].iloc[rows["test"]] - train[name].median()) / scale
        found = made.splits["test"].inputs["numbers"][:, place].numpy()
        np.testing.assert_allclose(found, z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-5, atol=1e-6)
    far = made.inputs(pd.DataFrame({"heavy": [1e30, -1e30, np.nan], "rare": 0.0}))["numbers"][:, 0]
    assert far.tolist()[:2] == [3, -3]
    assert far[2].isnan()
    assert Encoding.of(json.loads(json.dumps(made.encoding.plain()))) == made.encoding


def test_that_a_column_is_empty_in_many_new_rows_is_said() -> None:
    """As one that got lost on the way, of any kind, also where some values were missing in the training."""
    made = suite(customers())
    empty = customers(20).assign(visits=np.nan, city=None, since=None)
    assert made.unfamiliar(empty) == [
        f"column '{name}': none of 20 rows has a value" for name in ("visits", "city", "since")
    ]
    assert made.unfamiliar(empty.head(3)) == []


def test_identifiers_that_a_program_has_rounded_are_refused() -> None:
    """As pandas does beside a missing one: they would be taken for another identifier."""
    column = CategoryColumn.fit("id", pd.Series([2**60, 2**60 + 1, 7] * 3), 50)
    known = pd.Series([2**60 + 1, None, 7], dtype="Int64")
    assert column.codes(known)[:, 0].tolist() == [1, -1, 2]
    assert column.codes(pd.Series([7.0, np.nan]))[:, 0].tolist() == [2, -1]
    with pytest.raises(InputError, match=r"column 'id': row 1 holds 1\.152.*e\+18 in double precision, in which whole"):
        column.codes(known.astype("float64"))
