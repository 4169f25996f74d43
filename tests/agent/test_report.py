"""What every report writes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from mtl.agent.report import ExecutionReport, Value, plain_table


class OneRow(ExecutionReport):
    """A report whose numbers and picture a test chooses."""

    def __init__(self, value: float, figure: Figure | None = None) -> None:
        self.value, self.figure = value, figure

    def records(self) -> list[dict[str, Value]]:
        return [{"name": "a, b", "value": self.value}]

    def summary(self) -> dict[str, float]:
        return {"value": self.value}

    def table(self) -> Table:
        return plain_table("One row", ("name", "value"), [("a, b", str(self.value))], texts=1)

    def figures(self) -> Iterator[tuple[str, Figure]]:
        return iter([("picture", self.figure)] if self.figure else [])


class Unfinished(Figure):
    """A picture that cannot be drawn to its end."""

    def savefig(self, fname: Path, **settings: object) -> None:  # type: ignore[override]
        Path(fname).write_bytes(b"half")
        raise OSError(28, "No space left on device")


def test_numbers_that_are_not_finite_are_null_in_json(tmp_path: Path) -> None:
    OneRow(float("nan")).write(tmp_path)
    stored = json.loads((tmp_path / "execution.json").read_text(), parse_constant=pytest.fail)
    assert stored == {"summary": {"value": None}, "records": [{"name": "a, b", "value": None}]}


def test_a_report_has_no_outcome_unless_it_says_one() -> None:
    assert OneRow(0.5).outcome() is None


@pytest.mark.parametrize("notebook", [False, True], ids=["terminal", "notebook"])
def test_it_shows_its_table_without_colours(monkeypatch: pytest.MonkeyPatch, notebook: bool) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: notebook)
    shown = repr(OneRow(0.5))
    assert [line.split() for line in shown.splitlines() if "0.5" in line] == [["a,", "b", "0.5"]]
    assert "\x1b" not in shown


def test_the_listing_is_csv(tmp_path: Path) -> None:
    written = OneRow(0.5).write(tmp_path)
    assert [path.name for path in written] == ["execution.csv", "execution.json"]
    assert written[0].read_text() == 'name,value\n"a, b",0.5\n'


def test_a_picture_that_fails_leaves_no_half_file(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="No space left"):
        OneRow(0.5, Unfinished()).write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["execution.csv"]


def test_words_stand_left_and_numbers_right() -> None:
    table = plain_table("title", ("name", "value"), [("a", "1")], texts=1)
    assert [column.justify for column in table.columns] == ["left", "right"]
    assert table.row_count == 1


def test_names_and_cells_may_have_several_lines() -> None:
    table = plain_table("title", ("late\njobs",), [("3\n\x1b[2J±1",)])
    console = Console(width=80)
    with console.capture() as shown:
        console.print(table)
    words = shown.get().split()
    assert [word for word in words if word.isascii() and word.isalnum()] == ["title", "late", "jobs", "3"]
    assert words[-1] == "\\x1b[2J±1"
