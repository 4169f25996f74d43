"""The report's arithmetic and its files."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mtl.agent.environments.scheduling.exact import CpSat
from mtl.agent.environments.scheduling.rules import select_rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.schedule_report import BuiltSchedule, ScheduleReport, hash_of
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.suites.scheduling.instance import JobShop, from_routes

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
            "best_known": 0,
            "lower_bounds": 0,
            "utilisation_predicted": 0.9,
            "utilisation_error": 0.25,
            "spt_gap": 0.25,
            "spt_seconds": 0.2,
        }
    )
    assert next(iter(report.summary())) == "gap"


def test_the_outcome_is_the_makespan_of_the_agent_relative_to_the_reference(report: ScheduleReport) -> None:
    outcome = report.outcome()
    assert (outcome.name, outcome.higher_is_better, outcome.scale) == (
        "makespan relative to the reference",
        False,
        None,
    )
    assert outcome.values.tolist() == pytest.approx([1, 2])
    assert outcome.values.mean() == pytest.approx(1 + report.gap("agent"))
    assert outcome.instances == hash_of([shop("other name"), shop("b", None, None)])
    other = JobShop("a", DURATIONS + 1, MACHINES)
    assert hash_of([other, shop("b")]) != outcome.instances != hash_of([shop("a")])


def test_records(report: ScheduleReport) -> None:
    assert report.records()[2] == {
        "instance": "b",
        "jobs": 2,
        "machines": 2,
        "method": "agent",
        "makespan": 8,
        "reference": 4,
        "reference_kind": "optimum",
        "reference_source": "",
        "gap": 1.0,
        "utilisation": 0.5,
        "utilisation_predicted": 0.9,
        "utilisation_calibrated": True,
        "seconds": 1.5,
    }


def shown(outcomes: list[BuiltSchedule], width: int = 120) -> str:
    text = io.StringIO()
    Console(file=text, width=width).print(ScheduleReport(outcomes).table())
    return text.getvalue()


def words(text: str) -> str:
    """Without the line breaks that a narrow table needs."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("upper", "note", "title"),
    [
        (4, None, "gaps to the optimum in %"),
        (5, "not proven optimal", "gaps to the best known makespan in %"),
        (None, "only a lower bound is known", "gaps to a lower bound in %"),
    ],
    ids=["optimum", "best", "bound"],
)
def test_table_says_what_gaps_refer_to(upper: int | None, note: str | None, title: str) -> None:
    text = words(shown([BuiltSchedule("agent", "greedy", schedule(shop("a", upper), 6), 0.1)]))
    notes = [said for said in ("not proven optimal", "only a lower bound is known") if said in text]
    assert notes == ([note] if note else [])
    assert title in text


def test_instances_of_several_kinds_of_reference_are_told_apart() -> None:
    kinds = {"a": 4, "b": 5, "c": None}
    outcomes = [BuiltSchedule("agent", "greedy", schedule(shop(name, upper), 6), 0.1) for name, upper in kinds.items()]
    text = shown(outcomes)
    assert "gaps to the reference of each in %" in words(text)
    assert [line.split()[1] for line in text.splitlines() if line[1:2] in kinds] == ["4", "5*", "4†"]
    summary = ScheduleReport(outcomes).summary()
    assert (summary["optima"], summary["best_known"], summary["lower_bounds"]) == (1, 1, 1)


def test_what_is_expected_of_a_size_that_was_not_trained_on_is_marked() -> None:
    late = schedule(shop("a"), 6)
    text = words(shown([BuiltSchedule("agent", "greedy", late, 0.1, 0.5, calibrated=False)]))
    assert "~50%" in text
    assert "not calibrated" in text
    assert "not calibrated" not in shown([BuiltSchedule("agent", "greedy", late, 0.1, 0.5)])
    assert "not calibrated" not in shown([BuiltSchedule("agent", "greedy", late, 0.1, None, calibrated=False)])


def test_a_long_name_is_shown_in_full() -> None:
    name = "a-shop-with-a-very-long-name-indeed[1]"
    built = [BuiltSchedule(method, method, schedule(shop(name), 6), 0.1) for method in ("agent", *"abcdefgh")]
    cells = [line.split()[0] for line in shown(built, 80).splitlines() if line.startswith(" ") and line.split()]
    assert name in "".join(cells)


def test_table_fits_into_80_columns() -> None:
    """With all baselines and the widest plausible values."""
    instance = JobShop("ta71", 900 * DURATIONS, MACHINES, 6600, None)
    late = Schedule(instance, np.asarray([[0, 1800], [0, 8000]]))
    chosen = configure("execution=scheduling").execution["baselines"]
    methods = {"agent": "best of 128", **{name: rule.label for name, rule in select_rules(chosen, 0).items()}}
    methods["cpsat"] = CpSat(600).label
    text = io.StringIO()
    outcomes = [BuiltSchedule(method, label, late, 23.45, 0.5, False) for method, label in methods.items()]
    Console(file=text, width=80).print(ScheduleReport(outcomes).table())
    assert "…" not in text.getvalue()
    for word in ("ta71", "6600*", "9800", "48.5", "SAT", "600 s", "37%", "~50%", "23.45"):
        assert word in text.getvalue()


def test_long_numbers_are_shown_in_full_on_a_narrow_terminal() -> None:
    """Durations in milliseconds: what there is no room for is left out, and no number is cut."""
    name = {method: f"{method}1234" for method in "abcdef"}

    def table(factor: int, methods: dict[str, str]) -> str:
        instance = JobShop("ta71", factor * DURATIONS, MACHINES, 5 * factor, None)
        late = Schedule(instance, np.asarray([[0, 2 * factor], [0, 9 * factor]]))
        built = [BuiltSchedule(method, label, late, 23.45, 0.5, False) for method, label in methods.items()]
        return shown(built, 80)

    usual = table(1000, {"agent": "greedy", **name})
    assert all(word in usual for word in ("busy", "cast", "sec."))
    many = table(1_900_000, {"agent": "greedy", **name})
    assert "…" not in many
    assert "20900000" in many
    assert "cast" not in many
    huge = table(1_900_000, {"agent": "greedy", **{method: label * 3 for method, label in name.items()}})
    assert "…" not in huge


def test_the_last_row_has_the_means(report: ScheduleReport) -> None:
    text = io.StringIO()
    Console(file=text, width=80).print(report.table())
    (means,) = [row for line in text.getvalue().splitlines() if (row := line.split())[:1] == ["mean"]]
    assert means == ["mean", "6", "50.0", "25.0", "75%", "90%", "1.00"]


def test_the_largest_gap_comes_first_beside_the_best_of_the_others(report: ScheduleReport) -> None:
    first, second = report.failures(5)
    assert report.failures(1) == [first]
    assert (first["instance"], second["instance"]) == ("b", "a")
    assert first == {
        "instance": "b",
        "jobs": 2,
        "machines": 2,
        "makespan": 8,
        "reference": 4,
        "gap": 1.0,
        "best_other": "spt",
        "gap_of_it": 0.25,
        "longest_job": 1.0,
        "machine_bound": 1.0,
        "utilisation": 0.5,
        "predicted": 0.9,
    }


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
        [
            *("execution.csv", "execution.json", "schedules.csv", "schedules.json"),
            *("gantt-a.png", "gantt-a.svg", "gantt-b.png", "gantt-b.svg", "chart-a.html", "chart-b.html"),
        ]
    )
    assert sorted((tmp_path / "new" / "place").iterdir()) == sorted(written), "a temporary file stayed behind"
    stored = json.loads((tmp_path / "new" / "place" / "execution.json").read_text())
    assert stored == {"summary": report.summary(), "records": report.records()}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "new" / "place" / "execution.csv").read_text())))
    assert [row["makespan"] for row in rows] == ["4", "5", "8", "5"]
    assert rows[1]["utilisation_predicted"] == ""


def test_an_instance_may_have_any_name(tmp_path: Path) -> None:
    shops = [from_routes(name, [[(0, 3)], [(0, 1)]]) for name in ("hall/monday", "hall_monday")]
    built = [BuiltSchedule("agent", "greedy", Schedule(shop, np.array([[0], [3]])), 0.1) for shop in shops]
    written = {path.name for path in ScheduleReport(built, "all").write(tmp_path / "out")}
    assert {"chart-hall_monday.html", "chart-hall_monday-2.html", "gantt-hall_monday-2.png"} <= written


def test_same_report_same_bytes(report: ScheduleReport, tmp_path: Path) -> None:
    for name in ("one", "two"):
        report.write(tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_unwritable_directory(report: ScheduleReport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        report.write(tmp_path / "file")
