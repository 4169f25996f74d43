"""Files of executed schedules."""

import csv
import json

import numpy as np

from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.schedule_files import ExecutedSchedule, names_in_files, schedule_files
from mtl.suites.scheduling.instance import from_routes


def test_both_files_hold_every_operation_under_its_names() -> None:
    shop = from_routes("own", [[(0, 3), (1, 2)], [(1, 2)]], ("saw", "drill"), job_names=("a", "b, c"))
    schedule = Schedule(shop, np.array([[0, 3], [0, -1]]))
    files = dict(schedule_files([ExecutedSchedule("agent", schedule), ExecutedSchedule("spt", schedule)]))
    assert list(files) == ["schedules.csv", "schedules.json"]
    rows = list(csv.DictReader(files["schedules.csv"].splitlines()))
    assert list(rows[0]) == ["instance", "method", "job", "operation", "machine", "start", "end"]
    assert [row["method"] for row in rows] == ["agent"] * 3 + ["spt"] * 3
    assert [tuple(row.values())[2:] for row in rows[:3]] == [
        ("a", "0", "saw", "0", "3"),
        ("a", "1", "drill", "3", "5"),
        ("b, c", "0", "drill", "0", "2"),
    ]
    first = json.loads(files["schedules.json"])["schedules"][0]
    assert (first["instance"], first["method"], first["makespan"]) == ("own", "agent", 5)
    assert [list(map(str, one.values())) for one in first["operations"]] == [list(row.values())[2:] for row in rows[:3]]


def test_a_file_is_called_like_its_instance_as_far_as_files_can_be() -> None:
    assert names_in_files(["ta01", "mine (2).b"]) == ["ta01", "mine (2).b"]
    assert names_in_files(["hall/monday", "../../up", "a:b"]) == ["hall_monday", ".._.._up", "a_b"]
    assert names_in_files(["a/b", "a_b", "A_b", "a_b"]) == ["a_b", "a_b-2", "A_b-3", "a_b-4"]
    (long,) = names_in_files(["\u00fc" * 300])
    assert len(long.encode()) == 120
