"""Times of a file of JSON say whether they had a zone, as those of other files do."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from mtl.suites.table import TableSuite, table

ROWS = 40
NAIVE, ZONED, UNIVERSAL = "2024-01-31 12:00:00", "2024-01-31T12:00:00+02:00", "2024-01-31T12:00:00Z"


def suite_of(path: Path, times: Sequence[str | None]) -> TableSuite:
    """A suite of a file whose column ``at`` has these times, repeated, each with its own minute."""
    cells = [times[i % len(times)] for i in range(ROWS)]
    cells = [cell and cell.replace("12:00", f"12:{i:02}") for i, cell in enumerate(cells)]
    rows = [{"at": cell, "x": i % 7, "y": i % 2} for i, cell in enumerate(cells)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    made = table(str(path), {"y": "binary"})
    assert isinstance(made, TableSuite)
    expected, found = (
        pd.to_datetime(values, utc=True, format="ISO8601").astype("datetime64[us, UTC]")
        for values in (pd.Series(cells, dtype=object), made.frame["at"])
    )
    pd.testing.assert_series_equal(found, expected, check_names=False)
    return made


@pytest.mark.parametrize(
    ("times", "noted"),
    [((NAIVE,), False), ((ZONED, UNIVERSAL, None), False), ((NAIVE, ZONED), True), (("2024-01-31", ZONED), False)],
)
def test_times_only_some_of_which_have_a_zone_are_pointed_out(
    tmp_path: Path, times: tuple[str | None, ...], noted: bool
) -> None:
    made = suite_of(tmp_path / "my.jsonl", times)
    line = "column 'at': some of its times have a zone, and those that have none count as UTC"
    assert (line in made.notes) == noted


@pytest.mark.parametrize(
    ("times", "new", "said"),
    [
        (NAIVE, ZONED, "times are turned into UTC by their zone"),
        (NAIVE, UNIVERSAL, ""),
        (ZONED, NAIVE, "times without a zone count as UTC"),
        (ZONED, UNIVERSAL, ""),
    ],
)
def test_new_times_of_other_zones_are_pointed_out(tmp_path: Path, times: str, new: str, said: str) -> None:
    made, other = suite_of(tmp_path / "my.jsonl", [times]), suite_of(tmp_path / "new.jsonl", [new])
    found = "".join(made.unfamiliar(other.frame))
    assert said in found
    assert bool(found) == bool(said)
