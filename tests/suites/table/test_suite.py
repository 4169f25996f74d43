"""The suite of one table as a whole."""

from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
import torch

from mtl.assembly import build
from mtl.config.compose import configure
from mtl.errors import InputError, unknown
from mtl.nn.encoder import SINGLE
from mtl.suites.table import Splitting, TableSuite, table
from mtl.suites.table.named import named_as
from tests.suites.table.customers import TARGETS, customers, suite


def test_fewer_tasks_can_be_learned() -> None:
    made = TableSuite(customers, TARGETS)
    made.configure_batches(8, seed=0)
    made.restrict(["churn"])
    made.setup("fit")
    assert list(made.splits["train"].targets) == ["churn"]
    assert "segment" not in [line.split()[0] for line in made.preview().splitlines() if line]


def test_the_fingerprint_follows_the_data() -> None:
    frame = customers()
    same, other = suite(frame).fingerprint, suite(frame.assign(age=frame["age"] + 1)).fingerprint
    assert suite(frame.copy()).fingerprint == same
    assert suite(frame, splitting=Splitting(seed=1)).fingerprint != same
    ignored = {"columns": {"fixed": "ignore"}}
    assert suite(frame, **ignored).fingerprint != suite(frame, **ignored, row_weight="fixed").fingerprint
    assert other != same


def test_the_fingerprint_is_of_rows_and_labels_and_not_of_how_a_prediction_is_composed() -> None:
    """So that an entry of a comparison may say ``given``; the run's own statistics keep it."""
    frame = customers()
    targets = {"churn": "binary", "member": "binary"}
    apart, given = (suite(frame, targets | {"member": {"kind": "binary"} | own}) for own in ({}, {"given": "churn"}))
    assert apart.fingerprint == given.fingerprint
    assert apart.statistics() != given.statistics()
    assert [task.depends_on for task in given.tasks] == [(), ("churn",)]


def test_targets_typed_in_another_order_are_the_same_tasks_in_the_order_of_their_columns(tmp_path: Path) -> None:
    """Their order decides the initial values, and a run's id does not tell one order from another."""
    path = tmp_path / "my.csv"
    customers().to_csv(path, index=False)
    twice = {**TARGETS, "more": {"column": "spend", "kind": "quantiles"}}
    orders = [dict(order) for order in (twice.items(), reversed(twice.items()))]
    first, other = (table(str(path), order) for order in orders)
    assert [task.name for task in first.tasks] == [task.name for task in other.tasks]
    assert [task.name for task in first.tasks] == ["churn", "spend", "more", "segment"]
    assert first.fingerprint == other.fingerprint
    assert [task.name for task in TableSuite(customers, orders[1]).tasks] == [*orders[1]]


def test_a_list_of_numbers_is_refused_where_tasks_are_typed_in_another_order_than_theirs(tmp_path: Path) -> None:
    """It would give each task the number of another."""
    path = tmp_path / "my.csv"
    customers().to_csv(path, index=False)
    usual, other = ("{churn: binary, spend: regression}", "{spend: regression, churn: binary}")
    plain = ["task=table", f"task.path={path}", "encoder.widths=[4]", "batch_size=8", "weighting=fixed"]
    listed = "weighting.weights=[1,2]"
    build(configure(*plain, f"task.targets={usual}", listed))
    build(configure(*plain, f"task.targets={other}", "weighting.weights={churn: 1, spend: 2}"))
    for wrong in ([f"task.targets={other}"], [f"task.targets={usual}", "tasks=[spend,churn]"]):
        with pytest.raises(InputError, match=r"weights=\[1,2\]: which number is of which task.* churn, spend, and are"):
            build(configure(*plain, *wrong, listed))


def test_a_column_is_found_whichever_way_its_accents_are_written(tmp_path: Path) -> None:
    """Files of some systems write them otherwise than a keyboard, and nobody sees it."""
    composed, apart = (normalize(form, "größe é") for form in ("NFC", "NFD"))
    frame = customers().rename(columns={"churn": apart, "age": f"age {apart}"})
    path, later = tmp_path / "my.csv", tmp_path / "later.csv"
    frame.to_csv(path, index=False)
    later.write_text(normalize("NFC", path.read_text()))
    made = table(str(path), {composed: "binary", "spend": "regression"}, path_later=str(later))
    assert [target.column for target in made.targets] == [composed, "spend"]
    assert f"age {apart}" in {column.name for column in made.encoding.columns}
    rows = [frame, frame.rename(columns={f"age {apart}": f"age {composed}"})]
    torch.testing.assert_close(made.inputs(rows[0]), made.inputs(rows[1]), equal_nan=True)
    assert made.unfamiliar(rows[1]) == made.unfamiliar(rows[0])
    both = frame.rename(columns={"id": composed})
    assert list(named_as(both, [composed])) == list(both)
    assert "(its accents are other signs)" in str(unknown("task", composed, [apart]))


def test_the_preview_shows_columns_targets_and_splits() -> None:
    text = suite(customers()).preview()
    assert "age      number" in text
    assert "text or identifier" in text
    assert "north" in text
    assert text.splitlines()[-1].split() == ["rows", "140", "30", "30"]


def bad(**changes: Any) -> pd.DataFrame:
    return customers().assign(**changes)


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (bad(), {"targets": {"chrn": "binary"}}, "unknown column in task.targets 'chrn': did you mean 'churn'"),
        (bad(), {"targets": {"churn": "binry"}}, "unknown kind of target 'churn' 'binry': did you mean 'binary'"),
        (bad(), {"targets": {}}, "task.targets is empty"),
        (bad(), {"targets": ["churn"]}, r"task.targets=\['churn'\]: expected a kind for each column"),
        (bad(), {"columns": ["age"]}, r"task.columns=\['age'\]: expected kinds by column"),
        (bad(), {"categories": -1}, "task.categories=-1: expected 0 or more"),
        (bad(), {"targets": {"churn": {"kid": "binary"}}}, "unknown key of target 'churn' 'kid'"),
        (
            bad(),
            {"targets": {"a": {"column": "age", "kind": "regression"}, "ä b": "classes", "ä_b": "classes"}},
            "two targets",
        ),
        (bad(churn="no"), {}, "target 'churn' is the same in every row: 'no'"),
        (bad(spend=3.0), {}, "target 'spend' is the same in every row: 3"),
        (bad(spend=np.nan), {}, "target 'spend' is missing in every row"),
        (bad(segment=None), {}, "target 'segment' is missing in every row"),
        (
            bad(),
            {"targets": {"segment": "binary"}},
            "target 'segment' is to be binary and has 3 values: 'north', 'old', 'young'",
        ),
        (bad(spend=["1.5"] * 9 + ["n/k"] + ["2"] * 190), {}, "target 'spend': row 10 holds 'n/k', which is no number"),
        (bad(spend=[1.0, np.inf] * 100), {}, "target 'spend': row 2 is infinite"),
        (bad(age=[1.0, -np.inf] * 100), {}, "column 'age': row 2 is infinite"),
        (bad(age=[1.0, 1e300] * 100), {}, r"column 'age': row 2 holds 1e\+300, which is too large"),
        (bad(spend=[1e39, 1.0] * 100), {}, r"target 'spend': row 1 holds 1e\+39, which is too large"),
        (bad(), {"columns": {"city": "number"}}, "column 'city': row 1 holds .*, which is no number"),
        (bad(), {"columns": {"cty": "number"}}, "unknown column in task.columns 'cty': did you mean 'city'"),
        (bad(), {"columns": {"city": "text"}}, "unknown kind of column 'city' in task.columns 'text'"),
        (bad(), {"columns": dict.fromkeys(customers(), "ignore")}, "no input column is left"),
        (bad(), {"splitting": Splitting("time", "city")}, "time column 'city': row 1 holds .*, which is no time"),
        (bad(since=["2020-01-01", None] * 100), {"splitting": Splitting("time", "since")}, "row 2 has no time"),
        (bad(), {"splitting": Splitting("group", "cty")}, "unknown column in task.split.column 'cty'"),
        (bad(), {"splitting": Splitting("group", "fixed")}, "the val split is empty"),
        (bad(), {"row_weight": "agee"}, "unknown column in task.row_weight 'agee': did you mean 'age'"),
        (bad(), {"row_weight": "visits"}, "column 'visits' of task.row_weight: row .* has no value, expected a number"),
        (bad(age=[1.0, -2.0] * 100), {"row_weight": "age"}, "of task.row_weight: row 2 holds -2, expected a number, 0"),
        (bad(age=0.0), {"row_weight": "age"}, "column 'age' of task.row_weight is 0 in every row of the train split"),
        (
            bad(age=(customers().churn == "no").astype(float)),
            {"row_weight": "age"},
            "target 'churn' has one class only, 'no', in the training rows",
        ),
        (bad(), {"batch_size": 256}, "140 training rows, fewer than batch_size=256"),
        (
            bad(churn=["no"] * 180 + ["yes"] * 20),
            {"splitting": Splitting("time", "since")},
            "target 'churn' has one class only, 'no', in the training rows",
        ),
        (
            bad(churn=["no"] * 70 + ["yes"] * 130),
            {"splitting": Splitting("time", "since")},
            "target 'churn' has only 'yes' in the val split",
        ),
    ],
)
def test_what_is_wrong_is_said(frame: pd.DataFrame, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        suite(frame, **options)
    assert "\n" not in str(caught.value)


def test_rows_that_are_loaded_are_not_served_in_batches_larger_than_all_of_them() -> None:
    """As an entry of a comparison would, which is planned with the rows of the baseline."""
    made, asks = suite(customers()), TableSuite(customers, TARGETS)
    for size in (140, 141):
        asks.configure_batches(size, seed=0)
        if size == 140:
            assert made.served_as(asks).batch_size == 140
    with pytest.raises(InputError, match="140 training rows, fewer than batch_size=141"):
        made.served_as(asks)


def test_rows_have_the_weights_of_their_column() -> None:
    """1 on average over the training rows, in every part and batch; the column is no input."""
    frame = customers().assign(times=np.arange(200) % 4)
    made = suite(frame, row_weight="times")
    assert "times" not in made.encoding.features
    rows = made.splitting.rows(frame)
    mean = frame.times.iloc[rows["train"]].mean()
    for name, split in made.splits.items():
        assert split.weights is not None
        np.testing.assert_allclose(split.weights, frame.times.iloc[rows[name]] / mean, rtol=1e-6)
    assert any(
        note.startswith("rows are weighted by column 'times' in all losses and metrics, by 0 to") for note in made.notes
    )
    for batch in made.part(["spend"]).loader("train", training=True):
        ages = batch.inputs[SINGLE][:, 0]
        places = [int((made.splits["train"].inputs[SINGLE][:, 0] == age).nonzero()) for age in ages]
        assert batch.weights.equal(made.splits["train"].weights[places])


def test_rows_that_count_for_nothing_set_no_scale() -> None:
    """Whatever they hold, as where a person gives no weight to what is known to be wrong."""
    frame = customers().assign(times=np.arange(200) % 4 > 0)
    frame["times"] = frame.times.astype(float)
    wrong = frame.copy()
    wrong.loc[wrong.times == 0, ["age", "spend"]] = 1e9
    clean, spoilt = (suite(one, row_weight="times") for one in (frame, wrong))
    assert [target.plain() for target in clean.targets] == [target.plain() for target in spoilt.targets]
    counts = clean.splits["train"].weights > 0
    for made in (clean.splits["train"], spoilt.splits["train"]):
        assert made.inputs[SINGLE][counts].equal(clean.splits["train"].inputs[SINGLE][counts])


def test_the_preview_has_a_line_for_each_column_whatever_its_texts() -> None:
    frame = customers().assign(note=["first\nsecond", "third"] * 100)
    lines = suite(frame).preview().splitlines()
    assert [line for line in lines if line.startswith("note ") and "first second" in line]
    assert not [line for line in lines if line.startswith("second")]
