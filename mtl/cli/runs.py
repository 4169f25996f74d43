"""All runs on one page: `python experiments/runs.py [COLUMN=VALUE]... [sort=COLUMN] [html=FILE] [output=DIR]`."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from math import inf, isfinite
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from mtl.cli.streams import print_page
from mtl.config.console import Terminal
from mtl.errors import InputError, unknown

HELP = """\
python experiments/runs.py [COLUMN=VALUE[,VALUE]]... [sort=COLUMN] [html=FILE] [output=DIR]

Lists every run below DIR (outputs): what it was told, its state, the validation score (lower is better) and the test
metrics, its seconds, and the comparisons that it is part of with their verdicts. The newest run comes first.

COLUMN=VALUE keeps the runs that have this value there; several values after commas, * stands for any text:
task=census model=gated,hard state=done verdicts=*pays*
sort=COLUMN sorts, such as sort=score. html=FILE also writes all columns of these runs as one page with filters.
"""

COLUMNS = (
    *("run", "state", "task", "model", "weighting", "encoder", "optimizer", "scheduler", "seed", "score", "test"),
    *("seconds", "steps", "parameters", "finished", "verdicts", "settings"),
)
RIGHT = ("seed", "score", "seconds")
ON_TERMINAL = ("run", "state", "task", "model", "weighting", *RIGHT, "test", "verdicts")
OPTIONS = ("sort", "html", "output")
FOLDED = ("test", "verdicts")  # several values, separated by commas
WIDE, FILE_WIDTH = 120, 160  # columns
COLOURS = {"done": "", "running": "cyan", "failed": "red", "damaged": "red"}

Row = dict[str, str]  # by column, as it is shown


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if {"-h", "--help"} & set(arguments):
        print_page(f"{HELP}\nColumns: {', '.join(COLUMNS)}")
        return 0
    options, filters = read_arguments(arguments)
    file = Path(options["html"]) if "html" in options else None
    if file is not None and not file.parent.is_dir():
        raise InputError(f"html={file}: no such directory '{file.parent}'")
    # Imported here: help and mistakes are answered without waiting
    from mtl.cli.run_rows import rows_of
    from mtl.comparison.catalogue import catalogue

    output = Path(options.get("output", "outputs"))
    rows = rows_of(catalogue(output))
    shown = [row for row in rows if fits(row, filters)]
    if "sort" in options:
        shown.sort(key=lambda row: rank(row[options["sort"]]))
    console = Terminal()
    if not console.is_terminal:  # a file or another program, which need not fold
        console.width = max(console.width, FILE_WIDTH)
    console.print(table(shown, wide=console.width >= WIDE))
    hint = "" if console.width >= WIDE else f"; {WIDE} columns also show {' and '.join(FOLDED)}, as html= does"
    said = f"{len(shown)} of {len(rows)} runs below {output}{hint}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    if file is not None:
        from mtl.comparison.report.runs_page import runs_page
        from mtl.runs.files import write_text

        write_text(file, runs_page(str(output), COLUMNS, shown))
        console.print(f"written to {file}", highlight=False, markup=False, soft_wrap=True)
    return 0


def read_arguments(arguments: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Options, and filters by column. InputError for what is neither."""
    options: dict[str, str] = {}
    filters: dict[str, str] = {}
    for text in arguments:
        key, sign, value = text.partition("=")
        if key not in (*OPTIONS, *COLUMNS):
            raise unknown("column or option", key, (*COLUMNS, *OPTIONS))
        if not sign or not value:
            raise InputError(f"'{text}': expected {key}=VALUE")
        (options if key in OPTIONS else filters)[key] = value
    if options.get("sort", "run") not in COLUMNS:
        raise unknown("column in sort", options["sort"], COLUMNS)
    return options, filters


def fits(row: Row, filters: Mapping[str, str]) -> bool:
    """Whether every filter has a value that the row has."""
    return all(
        any(fnmatch(row[column].casefold(), value.casefold()) for value in values.split(","))
        for column, values in filters.items()
    )


def rank(text: str) -> tuple[float, str]:
    """Numbers by size, then texts, then what is missing."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return inf, text or "\U0010ffff"
    return (value if isfinite(value) else inf), ""


def table(rows: Sequence[Row], *, wide: bool) -> Table:
    """The most important columns: of a run its id; on a wide terminal one line for each test metric and each verdict.

    Args:
        rows: to show.
        wide: whether there is room for these lines.

    Returns:
        The table.
    """
    columns = [name for name in ON_TERMINAL if wide or name not in FOLDED]
    found = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        found.add_column(column, justify="right" if column in RIGHT else "left", overflow="fold")
    for row in rows:
        lines = {"run": row["run"].rpartition("/")[2], **{name: row[name].replace(", ", "\n") for name in FOLDED}}
        cells = (Text({**row, **lines}[column]) for column in columns)
        found.add_row(*cells, style=COLOURS.get(row["state"], "yellow"))
    return found
