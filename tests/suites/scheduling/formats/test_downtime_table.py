"""A CSV table of downtimes."""

from pathlib import Path

import pytest

from mtl.errors import InputError
from mtl.suites.scheduling.constraints import Downtime
from mtl.suites.scheduling.formats.downtime_table import read_downtimes


def test_a_row_per_downtime(tmp_path: Path) -> None:
    """Machines may have numbers for names."""
    (tmp_path / "stops.csv").write_text("start,machine,end\n3,2,5\n8,1,9\n")
    assert read_downtimes(tmp_path / "stops.csv", (1, 2)) == (Downtime(1, 3, 5), Downtime(0, 8, 9))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("machine,start\n", ":1: column 'end' is not there"),
        ("machine,start,end\nsaw,3,\n", ":2: downtime without an end"),
        ("machine,start,end\n,3,4\n", ":2: downtime without a machine"),
        ("machine,start,end\nsaw,-3,4\n", ":2: start '-3': expected a whole number"),
        ("machine,start,end\nsaw,4,4\n", ":2: downtime from 4 to 4, expected an end after the start"),
        ("machine,start,end\nsew,3,4\n", "unknown machine in .*stops.csv:2 'sew': did you mean 'saw'"),
    ],
    ids=str,
)
def test_mistakes_are_one_line(tmp_path: Path, rows: str, says: str) -> None:
    (tmp_path / "stops.csv").write_text(rows)
    with pytest.raises(InputError, match=says):
        read_downtimes(tmp_path / "stops.csv", ("saw", "drill"))
