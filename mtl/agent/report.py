"""The report of an agent's actions: rows, summary, a table for the terminal, pictures, and the files that hold them."""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from mtl.config.block_table import BlockTable
from mtl.config.console import Terminal
from mtl.config.printable import printable
from mtl.errors import InputError
from mtl.runs.contributions import Outcome
from mtl.runs.files import atomic_path, write_json, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Value = str | int | float | bool | None


class ExecutionReport(ABC):
    """What came of acting: a record per action or instance, their summary, and pictures.

    Attributes:
        listing: name of the file with the records.
        run: that acted; None: it is not known.
        environment: class of the environment that it acted in; empty: it is not known.
    """

    listing = "execution.csv"
    run: Path | None = None
    environment: str = ""

    def say_origin(self, run: Path, environment: object) -> None:
        """Take down by which run and in which environment it was made; a subclass may be frozen."""
        vars(self).update(run=run.resolve(), environment=type(environment).__name__)

    @abstractmethod
    def records(self) -> list[dict[str, Value]]:
        """The rows of the report, all with the same columns."""

    @abstractmethod
    def summary(self) -> dict[str, float]:
        """The report in plain numbers; the first is the one to compare agents by."""

    @abstractmethod
    def table(self) -> Table:
        """The report for a person at a terminal."""

    def __repr__(self) -> str:
        """The table, as a notebook shows it."""
        console = Terminal(file=io.StringIO(), width=80, color_system=None, force_jupyter=False)
        with console.capture() as captured:
            console.print(self.table())
        return captured.get().rstrip()

    def outcome(self) -> Outcome | None:
        """What the agent achieved in each row or instance, to compare agents by. Default: None, nothing of the kind."""
        return None

    def failures(self, count: int) -> list[dict[str, Value]]:
        """The records with the worst outcome, the worst first.

        By default those of the outcome where it has a value for each record; none otherwise.

        Args:
            count: at most so many.

        Returns:
            Records, which may have further columns.
        """
        outcome, records = self.outcome(), self.records()
        if outcome is None or len(outcome.values) != len(records):
            return []
        cost = outcome.values if outcome.higher_is_better else -outcome.values
        return [records[row] for row in cost.argsort(kind="stable")[:count]]

    def figures(self) -> Iterator[tuple[str, "Figure"]]:
        """Pictures by name, drawn one at a time. Default: no picture."""
        return iter(())

    def texts(self) -> Iterator[tuple[str, str]]:
        """Further files by name, with their texts. Default: none."""
        return iter(())

    def content(self) -> dict[str, Any]:
        """What ``execution.json`` holds: summary and records."""
        return {"summary": self.summary(), "records": self.records()}

    def write(self, directory: Path) -> list[Path]:
        """Write the listing, further files, the pictures as PNG and SVG, and last ``execution.json``, each atomically.

        Args:
            directory: created when missing. Files of these names in it are replaced.

        Returns:
            The files.

        Raises:
            InputError: the directory cannot be written, or what an own report gives for a file is none.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            written = [directory / self.listing]
            write_text(written[0], to_csv(self.records()))
            for name, text in _named(self.texts(), f"{type(self).__name__}.texts", str):
                written.append(directory / name)
                write_text(written[-1], text)
            for name, figure in _named(self.figures(), f"{type(self).__name__}.figures", object):
                if not hasattr(figure, "savefig"):
                    raise InputError(f"{type(self).__name__}.figures: '{name}' is a {type(figure).__name__}, no figure")
                written += save_figure(figure, directory / name)
            written.append(directory / "execution.json")
            write_json(written[-1], self.content())
        except OSError as error:
            raise InputError(f"execution report: '{directory}' cannot be written ({error.strerror})") from None
        return written


def _named(given: Iterable[Any], where: str, kind: type) -> Iterator[tuple[str, Any]]:
    """Pairs of the name of a file, without folders, and what is in it. InputError for what is none."""
    for pair in given:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[1], kind):
            raise InputError(f"{where}: expected pairs of a name and what is in the file, and one is {pair!r:.80}")
        if not isinstance(pair[0], str) or Path(pair[0]).name != pair[0]:
            raise InputError(f"{where}: {pair[0]!r}: expected the name of a file, without folders")
        yield pair


def to_csv(records: Sequence[Mapping[str, Value]]) -> str:
    """The records as CSV, the names of their columns in the first line; empty without records."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def save_figure(figure: "Figure", path: Path) -> list[Path]:
    """Write a picture as ``<path>.png`` and ``<path>.svg``, atomically. The same picture always gives the same bytes.

    Args:
        figure: the picture.
        path: of the files, without the ending.

    Returns:
        The two files.
    """
    from matplotlib import rc_context  # slow to import, and not every report has a picture

    files = []
    settings: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}}
    for ending, metadata in settings.items():
        target = path.with_name(f"{path.name}.{ending}")
        with atomic_path(target) as partial, rc_context({"svg.hashsalt": path.name}):
            figure.savefig(partial, format=ending, metadata=metadata)
        files.append(target)
    return files


def plain_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 0) -> Table:
    """A table for the terminal, which is divided where it is wider than that.

    Args:
        title: stands above it.
        columns: their names; like a cell, one may have several lines.
        rows: a cell for each column.
        texts: so many of the first columns hold words and are aligned to the left; the others hold numbers.

    Returns:
        The table.
    """
    table = BlockTable(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        table.add_column(Text(printable(name)), justify="left" if place < texts else "right", overflow="fold")
    for row in rows:
        # A class may be called [b], or :x:, which would be a style and a picture
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
