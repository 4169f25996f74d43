"""The report's arithmetic and its files."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.schedule_report import BuiltSchedule, ScheduleReport
from mtl.errors import InputError
from mtl.suites.scheduling.instance import JobShop

# Two jobs, each 2 on machine 0 and 2 on machine 1 in opposite order: the optimum is 4, machines then always busy.
DURATIONS, MACHINES = np.full((2, 2), 2), np.asarray([[0, 1], [1, 0]])


def shop(name: str, upper: int | None = 4, lower: int | None = 4) -> JobShop:
    return JobShop(name, DURATIONS, MACHINES, upper, lower)


def schedule(instance: JobShop, makespan: int) -> Schedule:
    """The optimum with its last operation put off."""
    return Schedule(instance, np.asarray([[0, 2], [0, makespan - 2]]))


@pytest.fixture
def report() -> ScheduleReport:
    a, b = shop("a"), shop("b")
    return ScheduleReport(
        [
            BuiltSchedule("agent", "greedy", schedule(a, 4), 0.5, predicted=0.9),
            BuiltSchedule("spt", "SPT", schedule(a, 5), 0.1),
            BuiltSchedule("agent", "greedy", schedule(b, 8), 1.5, predicted=0.9),
            BuiltSchedule("spt", "SPT", schedule(b, 5), 0.3),
        ]
    )


def test_summary(report: ScheduleReport) -> None:
    assert report.summary() == pytest.approx(
        {
            "gap": 0.5,
            "makespan": 6.0,
            "utilisation": 0.75,
            "seconds": 1.0,
            "instances": 2,
            "optima": 2,
            "utilisation_predicted": 0.9,
            "utilisation_error": 0.25,
            "spt_gap": 0.25,
            "spt_seconds": 0.2,
        }
    )
    assert next(iter(report.summary())) == "gap"


def test_the_outcome_is_the_makespan_of_the_agent_relative_to_the_reference(report: ScheduleReport) -> None:
    outcome = report.outcome()
    assert (outcome.name, outcome.higher_is_better, outcome.scale) == ("makespan", False, None)
    assert outcome.values.tolist() == pytest.approx([1, 2])
    assert outcome.values.mean() == pytest.approx(1 + report.gap("agent"))


def test_records(report: ScheduleReport) -> None:
    assert report.records()[2] == {
        "instance": "b",
        "jobs": 2,
        "machines": 2,
        "method": "agent",
        "makespan": 8,
        "reference": 4,
        "reference_kind": "optimum",
        "gap": 1.0,
        "utilisation": 0.5,
        "utilisation_predicted": 0.9,
        "seconds": 1.5,
    }


@pytest.mark.parametrize(
    ("upper", "note"),
    [(4, None), (5, "not proven optimal"), (None, "only a lower bound is known")],
    ids=["optimum", "best", "bound"],
)
def test_table_says_what_gaps_refer_to(upper: int | None, note: str | None) -> None:
    text = io.StringIO()
    outcome = BuiltSchedule("agent", "greedy", schedule(shop("a", upper), 6), 0.1)
    Console(file=text, width=120).print(ScheduleReport([outcome]).table())
    notes = [words for words in ("not proven optimal", "only a lower bound is known") if words in text.getvalue()]
    assert notes == ([note] if note else [])


def test_table_fits_into_80_columns() -> None:
    """With all baselines and the widest plausible values."""
    instance = JobShop("ta71", 900 * DURATIONS, MACHINES, 6600, None)
    late = Schedule(instance, np.asarray([[0, 1800], [0, 8000]]))
    methods = {"agent": "best of 128", "spt": "SPT", "mwkr": "MWKR", "mor": "MOR", "fifo": "FIFO", "random": "random"}
    methods["cpsat"] = "CP-SAT\n600 s"
    text = io.StringIO()
    outcomes = [BuiltSchedule(method, label, late, 23.45, 0.5) for method, label in methods.items()]
    Console(file=text, width=80).print(ScheduleReport(outcomes).table())
    assert "…" not in text.getvalue()
    for word in ("ta71", "6600*", "9800", "48.5", "CP-SAT", "600 s", "37%", "50%", "23.45"):
        assert word in text.getvalue()


def test_table_marks_the_smallest_gap(report: ScheduleReport) -> None:
    text = io.StringIO()
    Console(file=text, width=80, force_terminal=True, color_system="standard").print(report.table())
    rows = [line.split() for line in text.getvalue().splitlines()]
    cells = {row[0]: row for row in rows if row}
    assert cells["a"][3:5] == ["\x1b[1m0.0\x1b[0m", "25.0"]
    assert cells["b"][3:5] == ["100.0", "\x1b[1m25.0\x1b[0m"]


def test_files(report: ScheduleReport, tmp_path: Path) -> None:
    report.gantt = "all"
    written = report.write(tmp_path / "new" / "place")
    assert sorted(path.name for path in written) == sorted(
        ["execution.csv", "execution.json", "gantt-a.png", "gantt-a.svg", "gantt-b.png", "gantt-b.svg"]
    )
    assert sorted((tmp_path / "new" / "place").iterdir()) == sorted(written), "a temporary file stayed behind"
    stored = json.loads((tmp_path / "new" / "place" / "execution.json").read_text())
    assert stored == {"summary": report.summary(), "records": report.records()}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "new" / "place" / "execution.csv").read_text())))
    assert [row["makespan"] for row in rows] == ["4", "5", "8", "5"]
    assert rows[1]["utilisation_predicted"] == ""


def test_same_report_same_bytes(report: ScheduleReport, tmp_path: Path) -> None:
    for name in ("one", "two"):
        report.write(tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_unwritable_directory(report: ScheduleReport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        report.write(tmp_path / "file")
