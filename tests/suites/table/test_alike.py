"""Values that look the same: of one table they are pointed out, of new rows they are those of the training."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtl.nn.encoder import SINGLE
from mtl.suites.table import table
from mtl.suites.table.alike import alike
from tests.suites.table.customers import customers, suite


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (["Oslo", "Oslo ", "Lima"], "'Oslo' and 'Oslo '"),
        (["New York", "New  York", "New\u00a0York"], r"'New York' and 'New  York', 'New York' and 'New\xa0York'"),
        (["Köln", "Ko\u0308ln", None], r"'K\xf6ln' and 'Ko\u0308ln'"),
        (["Oslo", "oslo", "0slo"], ""),
        ([1, 2, None], ""),
    ],
)
def test_values_that_look_the_same_are_pointed_out(values: list[object], shown: str) -> None:
    notes = alike(pd.Series(values, name="city"))
    assert [note.startswith(f"column 'city': {shown} differ only in spaces") for note in notes] == [True] * bool(shown)


def test_they_are_pointed_out_of_categories_and_of_targets(tmp_path: Path) -> None:
    frame = customers()
    frame.loc[:20, "city"] = frame.loc[:20, "city"] + " "
    frame.loc[frame.index[frame["segment"].eq("old")][:9], "segment"] = "old "
    frame.to_parquet(tmp_path / "my.parquet")
    made = table(str(tmp_path / "my.parquet"), {"segment": "classes"})
    said = [note for note in made.notes if "differ only in spaces" in note]
    assert [note.split(":")[0] for note in said] == ["column 'city'", "column 'segment'"]


@pytest.mark.parametrize(("before", "behind"), [("", "  "), (" ", ""), ("\t", "\u00a0")])
def test_spaces_around_a_value_of_new_rows_make_no_other_one(before: str, behind: str) -> None:
    """As where a database pads its texts and a text file of the same rows does not."""
    frame = customers()
    padded = frame.assign(city=before + frame["city"] + behind)
    for first, then in ((frame, padded), (padded, frame)):
        made = suite(first, {"churn": "binary"})
        assert made.inputs(then)[SINGLE].equal(made.inputs(first)[SINGLE])
        assert made.unfamiliar(then[then["city"].str.strip() != "Oslo"]) == []
        target = suite(first, {"city": "classes"}, columns={"segment": "category"}).targets[0]
        assert target.encode(then).equal(target.encode(first))
        assert not target.unknown(then).notna().any()


def test_values_that_differ_in_spaces_in_the_training_stay_apart_in_new_rows() -> None:
    frame = customers()
    frame["city"] = np.where(frame.index % 2, frame["city"], frame["city"] + " ")
    made = suite(frame, {"churn": "binary"})
    features = made.inputs(pd.concat([frame.head(1).assign(city=city) for city in ("Oslo", "Oslo ", " Oslo")]))[SINGLE]
    first, second, third = features
    assert not first.equal(second)
    assert third.equal(first)
