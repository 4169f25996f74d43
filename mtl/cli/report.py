"""Report of finished runs: `python experiments/report.py PATH... [name=NAME] [keep=FOLDER]`; see `--help`."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from mtl.cli.streams import print_page
from mtl.comparison.gathering import gather, report_directory, write_report
from mtl.comparison.records import PLAN
from mtl.comparison.report import number_format
from mtl.comparison.report.content import Report
from mtl.comparison.report.findings import AGAIN, tuned_columns, tuned_rows
from mtl.comparison.report.readme import check_folder
from mtl.comparison.types import HELPS, HURTS, Comparison
from mtl.comparison.verdict import DOES_NOT_PAY, PAYS, Verdict, counted_sentence
from mtl.comparison.wording import count_noun
from mtl.config.block_table import BlockTable
from mtl.config.console import Terminal
from mtl.config.study import check_name
from mtl.errors import InputError, unknown

HELP = """\
python experiments/report.py PATH... [name=NAME] [keep=FOLDER]

Compares finished runs and writes a report. A PATH is the directory of a comparison (outputs/comparisons/<name>), or of
runs, at any depth (outputs/runs/scheduling). Runs of several sweeps are put together when their data and tasks are the
same, and those of comparisons with data=resplit when they share seeds, which shows that they are of one table; broken
and foreign files are named and left out. Comparisons that were judged by an unlike alpha or margin are
judged together by the usual ones.

The report goes into the directory of the comparison; with name=NAME to outputs/comparisons/<NAME>; of runs, or of
several PATHs, without a NAME to one named after all of them and what they compare.
keep=FOLDER also writes FOLDER/README.md with the result and its figures, to be kept in the repository; what stands
there under "## Reading" stays.
"""

OPTIONS = ("name", "keep")


def report(paths: Sequence[Path], console: Console, name: str | None = None, folder: Path | None = None) -> Report:
    """Compare the runs below these paths, write the report, show the verdict.

    Args:
        paths: directories of comparisons or of runs.
        console: where to show the verdict.
        name: of the report; by default that of the comparison.
        folder: where to keep a short README of it as well.

    Returns:
        What the report shows.

    Raises:
        InputError: nothing can be compared.
    """
    paths = list({path.resolve(): path for path in paths}.values())  # one that is named twice is one
    runs = gather(paths)
    for problem in runs.problems:
        line = f"[yellow]left out[/] {escape(problem.path)}: {escape(problem.reason)}"
        console.print(line, highlight=False, soft_wrap=True)
    for command in runs.again:
        console.print(f"{AGAIN} {command}", markup=False, highlight=False, soft_wrap=True)
    if not runs.records:
        comparisons = [file.parent for path in paths for file in sorted(path.glob(f"*/{PLAN}"))]
        if comparisons:
            raise InputError(
                f"'{comparisons[0].parent}' holds {count_noun(len(comparisons), 'comparison')}: expected the directory "
                f"of one, such as '{comparisons[0]}'"
            )
        raise InputError(f"no finished run below {', '.join(map(str, paths))}")
    directory = report_directory(paths, runs, name)
    made = write_report(runs, directory, folder)
    show(made.comparison, made.verdict, console)
    console.print(f"report: {directory / 'report.html'}", markup=False, highlight=False, soft_wrap=True)
    return made


def show(found: Comparison, decided: Verdict, console: Console) -> None:
    """The table of gains and the verdict."""
    table = BlockTable(title="gains over single-task learning on test data")
    table.add_column("configuration", overflow="fold")  # whole also on a narrow terminal
    tasks = [f"{task}\n[dim]{escape(found.primary[task])}[/]" for task in found.tasks]
    acted = any(tested.outcome for _, tested in found.tested_rows)
    for column in (f"{found.all_tasks}\n[dim]delta_m[/]", *tasks, *(["acting"] if acted else []), "seeds"):
        table.add_column(column, justify="right", overflow="fold")
    colours = {HELPS: "green", HURTS: "red"}
    for row, tested in found.tested_rows:
        cells = []
        shown = [tested.delta, *(tested.cells[task].evidence for task in found.tasks)]
        for one in [*shown, *([tested.outcome] if acted else [])]:
            text = f"{number_format.gain(one)}\n[dim]{number_format.interval(one)}[/]" if one else "-"
            cells.append(f"[{colours[one.call]}]{text}[/]" if one and one.call in colours else text)
        best = found.best is not None and row.label == found.best.label
        label = f"[bold]{escape(row.label)}[/]" if best else escape(row.label)
        table.add_row(label, *cells, str(len(tested.seeds)))
    if found.tested_rows:
        console.print(table)
    show_tuned(found, console)
    colour = {PAYS: "green", DOES_NOT_PAY: "red"}.get(decided.outcome, "yellow")
    console.print(f"[bold {colour}]{escape(decided.headline)}[/]", highlight=False)
    for sentence in filter(None, (counted_sentence(found), *decided.sentences)):
        console.print(escape(sentence), highlight=False)


def show_tuned(found: Comparison, console: Console) -> None:
    """The values of the grid that the baseline and what was measured on test have; nothing where nothing was tuned."""
    shown = {found.baseline.label, *(row.label for row, _ in found.tested_rows)}
    rows = [row for row in tuned_rows(found) if row[0] in shown]
    if not rows:
        return
    table = BlockTable(title="values chosen on validation")
    for column in tuned_columns(found):
        table.add_column(escape(column), overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print_page(HELP)
        return 0
    options: dict[str, str] = {}
    paths = []
    for text in arguments:
        key, _, value = text.partition("=")
        if "=" not in text or Path(text).exists():
            paths.append(existing(text))
        elif key not in OPTIONS:
            raise unknown("option", key, OPTIONS)
        else:
            options[key] = value
    if not paths:
        raise InputError("no PATH: name the directory of a comparison or of runs")
    if "name" in options:
        try:
            check_name(options["name"])
        except ValueError as error:
            raise InputError(str(error)) from None
    if "keep" in options and not options["keep"]:
        raise InputError("keep=: expected a folder")
    folder = Path(options["keep"]) if "keep" in options else None
    if folder is not None:
        check_folder(folder)
    report(paths, Terminal(), options.get("name"), folder)
    return 0


def existing(text: str) -> Path:
    """A directory that is there. InputError if it is not."""
    if not Path(text).is_dir():
        raise InputError(f"'{text}': no such directory")
    return Path(text)
