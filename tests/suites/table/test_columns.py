"""Kinds of columns, and their values."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.table import table
from mtl.suites.table.columns import infer
from mtl.suites.table.types import fit_types, typed
from tests.suites.table.customers import TARGETS, customers, suite


def test_kinds_are_inferred() -> None:
    frame = customers()
    frame = typed(frame, fit_types(frame, {}, {}, declared=True))
    kinds = {name: infer(frame[name])[0] for name in frame}
    expected = {"age": "number", "visits": "number", "city": "category", "since": "time", "member": "number"}
    assert {name: kinds[name] for name in expected} == expected
    assert kinds["id"] == kinds["fixed"] == "ignore"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, None, 2], "number"),
        ([True, False, None], "category"),
        (["1,5", "2,5", "1,5"], "category"),
        (["2020-01-01", None, "2020-02-30"], "category"),
        (["2020-01-01", None, "2020-02-28"], "time"),
        (["01.02.2020", "28.02.2020"], "time"),
        ([None, None], "ignore"),
        (["a"] * 5, "ignore"),
        (["a", None, "a"], "category"),
    ],
)
def test_a_column_is_what_its_values_say(values: list[Any], kind: str) -> None:
    frame = pd.DataFrame({"column": values})
    assert infer(typed(frame, fit_types(frame, {}, {}, declared=True))["column"])[0] == kind


def test_a_text_among_numbers_is_pointed_out() -> None:
    values = pd.Series([str(i / 7) for i in range(99)] + ["n/k"])
    assert infer(values) == ("ignore", "numbers but for 'n/k': name such texts in task.missing")
    written = ("ignore", "numbers written as texts: say number in task.columns")
    assert infer(values.replace("n/k", None)) == written
    assert infer(pd.Series([f"${i / 7:,.2f}" for i in range(9000, 9099)])) == written


def test_huge_numbers_are_told_apart_or_left_out(tmp_path: Path) -> None:
    """Identifiers beyond what an integer of 64 bits holds."""
    frame = customers().assign(key=[str(2**80 + i) for i in range(200)], group=[2**70 + i % 3 for i in range(200)])
    frame.to_csv(tmp_path / "my.csv", index=False)
    made = table(str(tmp_path / "my.csv"), TARGETS, form="flat")
    assert made.remarks["key"][0] == "ignore"
    assert [name for name in made.encoding.features if name.startswith("group")][1:] == [
        f"group = {2**70 + i}" for i in range(3)
    ]
    assert made.inputs(made.frame)[SINGLE].isfinite().all()


def test_lists_and_records_are_texts(tmp_path: Path) -> None:
    frame = customers().assign(tags=[["a"], ["b", "c"]] * 100, home=[{"zip": 1}] * 200)
    frame.to_parquet(tmp_path / "my.parquet")
    made = table(str(tmp_path / "my.parquet"), TARGETS)
    assert made.remarks["tags"][0] == "category"
    assert made.remarks["home"] == ("ignore", "constant")
    made.configure_batches(8, seed=0)
    made.setup("fit")
    assert made.preview()
    assert made.fingerprint


def test_a_text_that_means_no_value_is_one_text(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("a,y\n" + "".join(f"{i if i % 3 else 'n/k'},{i % 2}\n" for i in range(60)))
    assert table(str(path), {"y": "binary"}, missing="n/k").encoding.features == ("a", "a is missing")


def test_a_column_without_a_name_is_an_input_like_any_other() -> None:
    """As a Parquet file may have one."""
    assert "" in suite(customers().rename(columns={"age": ""})).encoding.features


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_whole_numbers_of_which_double_precision_knows_no_differences_are_refused(tmp_path: Path, suffix: str) -> None:
    """As of a target or an input: times in nanoseconds would be in steps of 256."""
    path, rows = tmp_path / f"my.{suffix}", 60
    frame = pd.DataFrame({"x": [i % 7 for i in range(rows)], "y": [i % 2 for i in range(rows)]})

    def read(spread: int, targets: dict[str, Any], **options: Any) -> None:
        made = frame.assign(ns=[1_700_000_000_000_000_000 + i * spread for i in (*range(1, rows), 0)])
        made.to_csv(path, index=False) if suffix == "csv" else made.to_parquet(path)
        table(str(path), targets, **options)

    message = (
        "holds whole numbers from 1700000000000000000 to 1700000000000000059, which double precision knows in steps of "
        "256 only: subtract 1700000000000000000 from all"
    )
    with pytest.raises(InputError, match=f"target 'ns' {message}"):
        read(1, {"ns": "regression"})
    with pytest.raises(InputError, match="column 'ns' holds whole numbers from 1700000000000000000 to"):
        read(1, {"y": "binary"}, columns={"ns": "number"})
    read(1, {"y": "binary"})  # it is left out by itself
    read(10**9, {"ns": "regression"})
