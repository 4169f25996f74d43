"""The data of a comparison in a title."""

from typing import Any

import pytest

from mtl.comparison.comparison import compare
from mtl.comparison.report.data_facts import data_in_words
from tests.comparison.support import make_record


@pytest.mark.parametrize(
    ("task", "files"),
    [
        ({"path": "/data/churn.csv"}, "churn.csv, "),
        ({"tables": {"a": {"path": "x/a.csv"}, "b": {"path": "b.parquet"}}}, "a.csv, b.parquet, "),
        ({"seed": 0}, ""),
    ],
    ids=["table", "tables", "suite"],
)
def test_suite_file_rows_and_split_are_said(task: dict[str, Any], files: str) -> None:
    records = [
        make_record(model, primary={"a": "mae"}, test={"a": 1.0}, config={"model": model, "task": task})
        for model in ("single_task", "hard")
    ]
    said = data_in_words(compare(records))
    assert said == f"suite, {files}140 rows: 100 training, 20 validation, 20 test"
