"""Where an agent acts, and what it brings back."""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from mtl.errors import InputError
from mtl.runs.files import write_text
from mtl.suites.base import Predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Value = str | int | float | bool | None


class ExecutionReport(ABC):
    """What came of acting: a record per action or instance, their summary, and pictures.

    Attributes:
        listing: name of the file with the records.
    """

    listing = "execution.csv"

    @abstractmethod
    def records(self) -> list[dict[str, Value]]:
        """The rows of the report, all with the same columns."""

    @abstractmethod
    def summary(self) -> dict[str, float]:
        """The report in plain numbers; the first is the one to compare agents by."""

    @abstractmethod
    def table(self) -> Table:
        """The report for a person at a terminal."""

    @abstractmethod
    def figures(self) -> Iterator[tuple[str, "Figure"]]:
        """Pictures by name, drawn one at a time."""

    def content(self) -> dict[str, Any]:
        """What ``execution.json`` holds: summary and records."""
        return {"summary": self.summary(), "records": self.records()}

    def write(self, directory: Path) -> list[Path]:
        """Write the listing, the pictures as PNG and SVG, and last ``execution.json``: each whole or not at all.

        Args:
            directory: created when missing. Files of these names in it are replaced.

        Returns:
            The files.

        Raises:
            InputError: the directory cannot be written.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            written = [directory / self.listing]
            write_text(written[0], self._csv())
            for name, figure in self.figures():
                written += save(figure, directory / name)
            written.append(directory / "execution.json")
            write_text(written[-1], json.dumps(self.content(), indent=2) + "\n")
        except OSError as error:
            raise InputError(f"execution report: '{directory}' cannot be written ({error.strerror})") from None
        return written

    def _csv(self) -> str:
        records, text = self.records(), io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(records[0]) if records else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return text.getvalue()


def save(figure: "Figure", path: Path) -> list[Path]:
    """Write a picture as ``<path>.png`` and ``<path>.svg``: whole or not at all, and always the same bytes."""
    from matplotlib import rc_context  # slow to import, and not every report has a picture

    files = []
    settings: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}}
    for ending, metadata in settings.items():
        target = path.with_name(f"{path.name}.{ending}")
        partial = target.with_name(f".{target.name}")
        with rc_context({"svg.hashsalt": path.name}):
            figure.savefig(partial, format=ending, metadata=metadata)
        partial.replace(target)
        files.append(target)
    return files


class Environment(ABC):
    """A place to act in.

    Attributes:
        requires: names of the tasks whose predictions decide.
    """

    requires: tuple[str, ...]

    @abstractmethod
    def run(self, predict: Predict) -> ExecutionReport:
        """Act from beginning to end.

        Args:
            predict: the environment's inputs to raw predictions by task.
        """
