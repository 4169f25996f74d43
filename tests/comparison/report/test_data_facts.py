"""The data of a comparison in a title."""

from typing import Any

import pytest

from mtl.comparison.comparison import compare
from mtl.comparison.report.data_facts import data_in_words, environment_of
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


def test_an_environment_is_that_of_all_runs() -> None:
    """Not that of the first one alone: runs of two versions are none of one."""
    records = [
        make_record(model, seed=seed, primary={"a": "mae"}, test={"a": 1.0}, environment=environment)
        for seed, environment in enumerate(
            [{"torch": "2", "commit": "x"}, {"torch": "2", "commit": "y"}, {"torch": "2"}]
        )
        for model in ("single_task", "hard")
    ]
    commits = "x (2 runs), y (2 runs), unknown (2 runs)"
    assert environment_of(compare(records)) == {"torch": "2", "commit": commits}
