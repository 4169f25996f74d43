"""What a text says of a moment: its zone, its century, and which of its numbers is the year."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from mtl.errors import InputError
from mtl.suites.table import TableSuite
from mtl.suites.table.dates import TextTimes
from mtl.suites.table.reading import as_text
from mtl.suites.table.types import ColumnType

ROWS = 60


def suite_of(cells: list[str], **options: object) -> TableSuite:
    """A suite of a text file whose column ``at`` has these cells, repeated."""
    draw = np.random.default_rng(0)
    columns = {"x": draw.normal(size=ROWS), "y": draw.permutation(ROWS) % 2}
    frame = pd.DataFrame({name: values.astype(str) for name, values in columns.items()}, dtype="str")
    frame.insert(0, "at", pd.Series([cells[i % len(cells)] for i in range(ROWS)], dtype="str"))
    return TableSuite(lambda: as_text(frame.copy()), {"y": "binary"}, **options)  # type: ignore[arg-type]


def moment(text: str, written: str) -> pd.Timestamp:
    found = TextTimes(written).read(pd.Series([text], dtype=object), "column 'at'").iloc[0]
    assert isinstance(found, pd.Timestamp)
    return found


@pytest.mark.parametrize("name", ["UTC", "GMT", ""])
@pytest.mark.parametrize(("offset", "pattern"), [("+02:00", "%z"), ("-0530", "%z"), ("+2", ""), ("-05", "")])
def test_an_offset_is_what_a_clock_there_is_ahead(name: str, offset: str, pattern: str) -> None:
    """As ISO 8601 and JavaScript write it, also behind the name of the zone that it is an offset of."""
    clock = f"10:00:00 {name}{offset}"
    whole = offset if pattern else f"{offset[0]}{int(offset[1:]):02}:00"
    expected = datetime.strptime(f"2023-01-05 10:00 {whole}", "%Y-%m-%d %H:%M %z")
    assert moment(f"2023-01-05 {clock}", "year_first") == expected
    assert moment(f"Thu Jan 05 2023 {clock}", "words") == expected
    found = ColumnType.fit(pd.Series([f"2023-01-05 {clock}"], name="at"), None, None, declared=False)
    assert (found.type, found.zone) == ("time", True)


@pytest.mark.parametrize("clock", ["10:00 Mon", "10:00 AM PM", "10:00.5", "10:00 Z+1", "10:00 EST", "10:00:00:5"])
def test_what_is_no_time_of_the_day_is_no_time(clock: str) -> None:
    assert ColumnType.fit(pd.Series([f"2023-01-05 {clock}"], name="at"), None, None, declared=False).type == "text"


@pytest.mark.parametrize("year", [0, 23, 68, 69, 76, 77, 99])
@pytest.mark.parametrize("pattern", ["%d-%b-%y", "%d %B %y", "%b %d, %y", "%d-%b-%y 23:15:00.1234"])
def test_years_of_two_digits_beside_words_are_those_of_the_standard(year: int, pattern: str) -> None:
    """On whatever day they are read."""
    expected = datetime.strptime(f"{year:02}", "%y").replace(month=2, day=13)
    assert moment(expected.strftime(pattern), "words").floor("D") == pd.Timestamp(expected, tz="UTC")


@pytest.mark.parametrize("text", ["now", "today", "May", "5 Jan", "March 3", "Monday"])
def test_a_day_without_a_year_is_no_time(text: str) -> None:
    with pytest.raises(InputError, match=f"column 'at': row 1 holds '{text}', which is no time"):
        moment(text, "words")


def test_days_that_may_begin_with_the_year_are_asked_for() -> None:
    days = pd.date_range("2023-01-01", periods=50)
    texts = days.strftime("%y-%m-%d").tolist()
    with pytest.raises(InputError, match=r"'23-01-01' may have the day or the year first.*at: short_year_first}"):
        suite_of(texts)
    made = suite_of(texts, formats={"at": "short_year_first"})
    assert made.frame["at"].tolist()[:50] == days.tz_localize("UTC").tolist()
    with pytest.raises(InputError, match="row 1 holds '13-02-2023', which is no time written short year first"):
        made.inputs(pd.DataFrame({"at": ["13-02-2023"], "x": ["1"]}))
    assert suite_of(days.strftime("%d-%m-%y").tolist()).frame["at"].tolist()[:50] == days.tz_localize("UTC").tolist()


@pytest.mark.parametrize("step", ["ME", "QE"])
@pytest.mark.parametrize("pattern", ["%d-%m-%y", "%d/%m/%y"])
def test_the_last_days_of_months_do_not_begin_with_the_year(step: str, pattern: str) -> None:
    days = pd.date_range("2010-01-01", periods=ROWS, freq=step)
    assert suite_of(days.strftime(pattern).tolist()).frame["at"].tolist() == days.tz_localize("UTC").tolist()


@pytest.mark.parametrize("clock", ["10:00 -0500 (EST)", "10:00:00 GMT-05:00 (EST)"])
def test_what_a_zone_is_called_may_follow_its_offset(clock: str) -> None:
    made = suite_of([f"2023-01-05 {clock}", f"2023-02-13 {clock}"])
    assert made.frame["at"].iloc[0] == pd.Timestamp("2023-01-05 15:00", tz="UTC")
    assert made.table.types is not None
    assert made.table.types["at"].zone is True


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["2023-01-05 10:00", "2023-02-13 11:00+02:00"], True),
        (["2023-01-05", "2023-02-13 11:00+02:00"], False),
        (["2023-01-05 10:00Z", "2023-02-13 11:00+02:00"], False),
        (["2023-01-05 10:00", "2023-02-13 11:00"], False),
        (["2023-01-05 10:00Z", "0000-00-00 00:00:00"], False),
        (["2023-01-05 10:00Z", "#N/A N/A"], False),
    ],
)
def test_a_column_only_some_of_whose_times_have_a_zone_is_pointed_out(cells: list[str], said: bool) -> None:
    line = "column 'at': some of its times have a zone, and those that have none count as UTC"
    assert (line in suite_of(cells).notes) == said
    zoned = suite_of(["2023-01-05 10:00+02:00", "2023-02-13 11:00+02:00"])
    assert (line in zoned.unfamiliar(pd.DataFrame({"at": cells, "x": ["1", "2"]}))) == said
