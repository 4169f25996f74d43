"""What came of the cases: a file with a line for each, from which a campaign goes on, and the table of it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from mtl.runs.files import write_json


@dataclass(frozen=True)
class Outcome:
    """What came of one case.

    Attributes:
        case: its name.
        kind: the kind.
        failed: what did not hold; empty if all did.
        seconds: that it took.
    """

    case: str
    kind: str
    failed: str
    seconds: float


def append(path: Path, outcome: Outcome) -> None:
    """Add a line to the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")


def read(path: Path) -> list[Outcome]:
    """The outcomes that a file holds; a line that was being written when the campaign was killed is passed over."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [Outcome(**json.loads(line)) for line in lines if line.endswith("}")]


def by_kind(outcomes: Iterable[Outcome]) -> dict[str, dict[str, float]]:
    """Cases tried, held and failed, and their seconds, by kind; the last line is of all."""
    found: dict[str, dict[str, float]] = {}
    outcomes = list(outcomes)
    for one in outcomes:
        for name in (one.kind,):
            row = found.setdefault(name, {"tried": 0, "held": 0, "failed": 0, "seconds": 0.0})
            row["tried"] += 1
            row["failed" if one.failed else "held"] += 1
            row["seconds"] += one.seconds
    found["all"] = {key: sum(row[key] for row in found.values()) for key in ("tried", "held", "failed", "seconds")}
    return found


def table(outcomes: Iterable[Outcome]) -> Table:
    """The table by kind."""
    shown = Table("kind", "tried", "held", "failed", "seconds")
    for kind, row in by_kind(outcomes).items():
        shown.add_row(kind, *(f"{row[key]:.0f}" for key in ("tried", "held", "failed", "seconds")))
    return shown


def write_summary(path: Path, outcomes: Iterable[Outcome]) -> None:
    """The table as JSON, with what failed."""
    outcomes = list(outcomes)
    failed = {one.case: one.failed for one in outcomes if one.failed}
    write_json(path, {"kinds": by_kind(outcomes), "failed": failed})
