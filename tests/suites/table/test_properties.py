"""Whatever a table holds, its rows become finite inputs and labels in place, or one line says why not."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.table import Splitting, TableSuite, table

CELLS = {
    "number": st.one_of(st.none(), st.floats(-1e12, 1e12), st.integers(-(2**53), 2**53)),
    "truth": st.one_of(st.none(), st.booleans()),
    "text": st.one_of(st.none(), st.text(max_size=5)),
    "category": st.sampled_from(["a", "ß", "日本", " ", "NA?", None]),
    "time": st.one_of(st.none(), st.datetimes(pd.Timestamp(1700, 1, 1), pd.Timestamp(2200, 1, 1)).map(str)),
    "mixed": st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.booleans(), st.floats(-1, 1)),
}
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """A frame of odd names and columns of any kind, with two targets that can be learned."""
    rows = draw(st.integers(30, 60))
    columns: dict[str, Any] = {"fine": np.arange(rows) * 0.5}
    for name in draw(st.lists(NAMES, max_size=4, unique=True)):
        cell = CELLS[draw(st.sampled_from(sorted(CELLS)))]
        columns[name] = pd.Series(draw(st.lists(cell, min_size=rows, max_size=rows)), dtype=object).infer_objects()
    columns["yes?"] = [["no", "yes"][i % 2] for i in range(rows)]
    columns["how much"] = [None if i % 5 == 4 else i * 0.25 for i in range(rows)]
    return pd.DataFrame(columns)


WANTED = {"yes?": "binary", "how much": "regression"}


@settings(max_examples=25)
@given(tables(), st.integers(0, 5))
def test_rows_become_finite_inputs_and_labels_in_place(frame: pd.DataFrame, seed: int) -> None:
    splitting = Splitting(seed=seed, val=0.25, test=0.25)
    suite = TableSuite(lambda: frame, WANTED, splitting=splitting)
    suite.configure_batches(4, seed=0)
    try:
        suite.setup("fit")
    except InputError as error:  # by chance a split may have one class only
        assert "try another task.split" in str(error)  # noqa: PT017
        return
    rows = splitting.rows(frame)
    for name, split in suite.splits.items():
        assert split.inputs[SINGLE].shape == (len(rows[name]), *suite.input_shape[SINGLE])
        assert split.inputs[SINGLE].isfinite().all()
        assert split.targets["yes_"].tolist() == [float(i % 2) for i in rows[name]]
        assert split.targets["how_much"].isnan().tolist() == [i % 5 == 4 for i in rows[name]]
    assert suite.preview()
    again = type(suite.encoding).of(json.loads(json.dumps(suite.encoding.plain())))
    assert torch.equal(again.encode(frame), suite.inputs(frame)[SINGLE])


@settings(max_examples=10)
@given(tables())
def test_a_file_gives_what_the_frame_gave(frame: pd.DataFrame) -> None:
    """Through CSV: numbers and texts are read back as inputs of the same names, or the file is refused in one line."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "my.csv"
        frame.to_csv(path, index=False, lineterminator="\r\n")  # so that line breaks inside values are quoted
        try:
            suite = table(str(path), WANTED, form="flat")
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
            return
        assert len(suite.frame) == len(frame)
        assert suite.inputs(suite.frame)[SINGLE].isfinite().all()


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 12), min_size=20, max_size=60),
    st.sampled_from(["random", "time", "group"]),
    st.floats(0.1, 0.4),
    st.floats(0.1, 0.4),
)
def test_splits_are_disjoint_complete_and_keep_units_together(
    units: list[int], by: str, val: float, test: float
) -> None:
    frame = pd.DataFrame({"unit": units})
    try:
        rows = Splitting(by, None if by == "random" else "unit", val, test).rows(frame)
    except InputError as error:
        assert "split is empty" in str(error)  # noqa: PT017
        return
    assert sorted(np.concatenate(list(rows.values()))) == list(range(len(units)))
    if by != "random":
        seen = [set(frame["unit"].iloc[chosen]) for chosen in rows.values()]
        assert sum(map(len, seen)) == len(set(units))
    if by == "time":
        assert max(seen[0]) < min(seen[1]) <= max(seen[1]) < min(seen[2])
