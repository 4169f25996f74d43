"""What came of the cases: a file with a line for each, from which a campaign goes on, and the table of it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.table import Table

from mtl.runs.files import write_json

ALL = "all"


@dataclass(frozen=True)
class Outcome:
    """What came of one case.

    Attributes:
        case: its name.
        kind: the kind.
        failed: what did not hold; empty if all did.
        seconds: that it took.
        ending: the longest that a program took to end after a signal, in seconds; 0 where none was sent.
    """

    case: str
    kind: str
    failed: str
    seconds: float
    ending: float = 0.0


def append(path: Path, outcome: Outcome) -> None:
    """Add a line to the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")


def read(path: Path) -> list[Outcome]:
    """The outcomes that a file holds; a line that was being written when the campaign was killed is passed over."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [Outcome(**json.loads(line)) for line in lines if line.endswith("}")]


def by_kind(outcomes: Iterable[Outcome]) -> dict[str, dict[str, float]]:
    """Cases tried, held and failed, their seconds, and the longest end after a signal, by kind; at last of all."""
    found: dict[str, dict[str, float]] = {}
    outcomes = list(outcomes)
    for one in (*outcomes, *(replace(one, kind=ALL) for one in outcomes)):
        row = found.setdefault(one.kind, {"tried": 0, "held": 0, "failed": 0, "seconds": 0.0, "ending": 0.0})
        row["tried"] += 1
        row["failed" if one.failed else "held"] += 1
        row["seconds"] += one.seconds
        row["ending"] = max(row["ending"], one.ending)
    return found


def table(outcomes: Iterable[Outcome]) -> Table:
    """The table by kind."""
    shown = Table("kind", "tried", "held", "failed", "seconds", "longest end after a signal, s")
    for kind, row in by_kind(outcomes).items():
        ending = f"{row['ending']:.1f}" if row["ending"] else "-"
        shown.add_row(kind, *(f"{row[key]:.0f}" for key in ("tried", "held", "failed", "seconds")), ending)
    return shown


def write_summary(path: Path, outcomes: Iterable[Outcome]) -> None:
    """The table as JSON, with what failed."""
    outcomes = list(outcomes)
    failed = {one.case: one.failed for one in outcomes if one.failed}
    write_json(path, {"kinds": by_kind(outcomes), "failed": failed})
