"""A JSON file of one's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from mtl.errors import InputError
from mtl.suites.scheduling.constraints import Downtime
from mtl.suites.scheduling.formats import read_instances
from mtl.suites.scheduling.instance import JobShop

DOOR = {
    "name": "door",
    "release": 1,
    "due": 20,
    "weight": 2,
    "operations": [{"name": "cut", "machine": "saw", "duration": 3, "start": 2}, {"machine": "paint", "duration": 4}],
}
SHOP: dict[str, Any] = {
    "jobs": [DOOR, {"operations": [{"machine": "saw", "duration": 5}]}],
    "downtimes": [{"machine": "paint", "start": 5, "end": 9}],
    "now": 4,
}


def read(tmp_path: Path, content: dict[str, Any]) -> JobShop:
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(content))
    (instance,) = read_instances(file)
    return instance


def test_all_that_a_shop_demands(tmp_path: Path) -> None:
    instance = read(tmp_path, SHOP)
    assert instance.name == "shop"
    assert instance.job_names == ("door", "1")
    assert instance.operation_names == (("cut", 1), (0,))
    assert instance.machine_names == ("saw", "paint")
    assert instance.durations.tolist() == [[3, 4], [5, 0]]
    given = instance.constraints
    assert (given.releases, given.due, given.weights) == ((1, 0), (20, None), (2, 0))
    assert (given.fixed, given.downtimes, given.now) == (((2,), ()), (Downtime(1, 5, 9),), 4)
    assert read(tmp_path, {**SHOP, "machines": ["paint", "saw", "drill"]}).machine_names == ("paint", "saw", "drill")


def test_machines_with_their_durations(tmp_path: Path) -> None:
    cut = {"machines": {"saw": 3, "laser": 2}}
    instance = read(tmp_path, {"jobs": [{"operations": [cut, {"machine": "saw", "duration": 1}]}]})
    assert instance.alternatives is not None
    assert instance.alternatives.machines.tolist() == [[[0, 1], [0, -1]]]
    assert instance.alternatives.durations.tolist() == [[[3, 2], [1, 0]]]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"jobs": 3}, "jobs: expected a list of objects"),
        ({"job": []}, "unknown key in .*shop.json 'job': did you mean 'jobs'"),
        ({"now": "4"}, "now '4': expected a whole number"),
        ({"now": -4}, "now '-4': expected a whole number"),
        ({"machines": ["saw"]}, "unknown machine in .*job door, operation 1 'paint'"),
        ({"machines": "saw"}, "machines: expected a list of names"),
        ({"machines": ["saw", "paint", "saw"]}, "machines: saw is there twice"),
        ({"downtimes": [{"machine": "paint", "start": 5}]}, "downtime: without end"),
        (
            {"downtimes": [{"machine": "pain", "start": 5, "end": 6}]},
            "unknown machine in .* 'pain': did you mean 'paint'",
        ),
        ({"downtimes": [{"machine": "saw", "start": 5, "end": 5}]}, "downtime of machine saw from 5 to 5"),
        ({"jobs": [{**DOOR, "release": -1}]}, "job door: release '-1': expected a whole number"),
        ({"jobs": [DOOR, DOOR]}, "two jobs are called door"),
        ({"jobs": [{**DOOR, "name": None}]}, "name of job 0: expected a name or a number, found None"),
        ({"machines": ["saw", "paint", True]}, "machines: expected a name or a number, found True"),
        (
            {"jobs": [{"operations": [{"name": "1", "machine": "a", "duration": 1}, {"machine": "a", "duration": 2}]}]},
            "job 0: two operations are called 1",
        ),
        (
            {"jobs": [{"operations": [{"machine": "", "duration": 1}]}]},
            "machine: expected a name or a number, found ''",
        ),
        ({"jobs": [{"name": "a"}]}, "job a: without operations"),
        ({"jobs": [{"operations": [{"machine": "saw"}]}]}, "job 0, operation 0: without duration"),
        ({"jobs": [{"operations": [{"machine": "saw", "duration": True}]}]}, "duration True: expected a whole number"),
        ({"jobs": [{"operations": [{"name": [], "machine": "a", "duration": 1}]}]}, "expected a name or a number"),
        ({"jobs": [{"operations": [{"machines": {}}]}]}, "operation 0: expected the name of a machine, or machines"),
        ({"jobs": [{"operations": [{"machines": {"a": 1}, "machine": "a"}]}]}, "or machines, and not both"),
        (
            {"jobs": [{"operations": [{"machines": {"saw": 1, "paint": 2}, "start": 0}]}]},
            "has a start and 2 machines",
        ),
        ({"jobs": [{"operations": []}], "downtimes": []}, "one job or more, each with one operation or more"),
        ({"jobs": [], "downtimes": []}, "one job or more, each with one operation or more"),
    ],
    ids=str,
)
def test_mistakes_are_one_line(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        read(tmp_path, {**SHOP, **change})
    assert "\n" not in str(error.value)
