"""Report of finished runs: `python experiments/report.py PATH... [name=NAME] [keep=FOLDER]`; see `--help`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mtl.comparison.comparison import compare
from mtl.comparison.records import Problem, Record, comparable, read, record
from mtl.comparison.report import number_format
from mtl.comparison.report.publish import publish as write
from mtl.comparison.report.readme import Provenance, write_readme
from mtl.comparison.types import HELPS, HURTS, Comparison, Rules
from mtl.comparison.verdict import DOES_NOT_PAY, PAYS, Verdict, counted, p_value, verdict
from mtl.config.study import check_name
from mtl.errors import InputError, unknown
from mtl.runs.directory import finished
from mtl.sweep.queue import read_json

HELP = """\
python experiments/report.py PATH... [name=NAME] [keep=FOLDER]

Compares finished runs and writes a report. A PATH is the directory of a comparison (outputs/comparisons/<name>), or of
runs, at any depth (outputs/runs/scheduling). Runs of several sweeps are put together when their data and tasks are the
same; broken and foreign files are named and left out.

The report goes into the directory of the comparison; with name=NAME to outputs/comparisons/<NAME>, of several PATHs
without a NAME to one named after all of them.
keep=FOLDER also writes FOLDER/README.md with the result and its figures, to be kept in the repository; what stands
there under "## Reading" stays.
"""

OPTIONS = ("name", "keep")


@dataclass
class Gathered:
    """Runs and what is known of them."""

    records: list[Record] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    command: str = ""
    question: str = ""
    took: str = ""

    def add(self, path: Path) -> None:
        """Read a comparison's directory or a directory of runs."""
        if (path / "plan.json").is_file():
            self._add_plan(path / "plan.json")
        else:
            records, problems = read([path])
            self.records += records
            self.problems += problems

    def _add_plan(self, file: Path) -> None:
        plan = read_json(file)
        try:
            self.names |= {str(key): str(label) for key, label in plan["names"].items()}
            self.rules = Rules(alpha=float(plan["rules"]["alpha"]), margin=float(plan["rules"]["margin"]))
            self.command, self.question = str(plan["command"]), str(plan["question"])
            self.took = str(plan.get("took", ""))
            runs = [(str(run["label"]), int(run["seed"]), Path(run["path"]), run) for run in plan["runs"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"'{file}' is damaged or not of a comparison: {error!r}") from None
        for label, seed, path, run in runs:
            self._add_run(f"{label}, seed {seed}", path, run)

    def _add_run(self, what: str, path: Path, run: dict[str, Any]) -> None:
        for place in finished(path):
            try:
                one = record(place)
            except ValueError as error:
                self.problems.append(Problem(str(place), str(error)))
                continue
            if one.fingerprint == run.get("fingerprint"):
                self.records.append(one)
                return
        ledger = path.parents[3] / "ledger"
        failure = read_json(ledger / f"{run.get('key')}.json").get("error")
        self.problems.append(Problem(what, f"failed: {failure}" if failure else "unfinished"))


def publish(paths: Sequence[Path], console: Console, name: str | None = None, folder: Path | None = None) -> int:
    """Compare the runs below these paths, write the report, show the verdict; returns the number of failed runs.

    Args:
        paths: directories of comparisons or of runs.
        console: where to show the verdict.
        name: of the report; by default that of the comparison.
        folder: where to keep a short README of it as well.
    """
    gathered = Gathered()
    for path in paths:
        gathered.add(path)
    records, problems = comparable(gathered.records, gathered.problems)
    for problem in problems:
        line = f"[yellow]left out[/] {escape(problem.path)}: {escape(problem.reason)}"
        console.print(line, highlight=False, soft_wrap=True)
    if not records:
        raise InputError(f"no finished run below {', '.join(map(str, paths))}")
    found = compare(records, gathered.rules, gathered.names)
    decided = verdict(found)
    directory = directory_for(paths, name)
    drawn = write(directory, found, decided, problems, directory.name, gathered.command)
    if folder is not None:
        training = f"training {sum(one.seconds for one in records):,.0f} s in all, of one run after the other"
        provenance = Provenance(gathered.question, gathered.command, "; ".join(filter(None, (gathered.took, training))))
        write_readme(folder, directory.name, provenance, found, decided, drawn)
    show(found, decided, console)
    console.print(f"report: {directory / 'report.html'}", markup=False, highlight=False, soft_wrap=True)
    return sum(problem.reason.startswith("failed") for problem in problems)


def directory_for(paths: Sequence[Path], name: str | None) -> Path:
    """Where the report goes."""
    if name is None and len(paths) == 1 and (paths[0] / "plan.json").is_file():
        return paths[0]
    first = paths[0].resolve()
    output = next(
        (parent.parent for parent in (first, *first.parents) if parent.name in ("runs", "comparisons")), first
    )
    return output / "comparisons" / (name or "+".join(dict.fromkeys(path.resolve().name for path in paths)))


def show(found: Comparison, decided: Verdict, console: Console) -> None:
    """The table of gains and the verdict."""
    table = Table(title=f"gains over single-task learning on test data ({counted(len(found.baseline.seeds), 'seed')})")
    table.add_column("configuration", overflow="fold")  # whole also on a narrow terminal
    for column in ("delta_m", *found.tasks, "p (Holm)"):
        table.add_column(column, justify="right")
    colours = {HELPS: "green", HURTS: "red"}
    for row in found.rows:
        cells = []
        for one in (row.delta, *(row.cells[task].evidence for task in found.tasks)):
            text = f"{number_format.gain(one)}\n[dim]{number_format.interval(one)}[/]"
            cells.append(f"[{colours[one.call]}]{text}[/]" if one.call in colours else text)
        best = found.best is not None and row.label == found.best.label
        label = f"[bold]{escape(row.label)}[/]" if best else escape(row.label)
        table.add_row(label, *cells, p_value(row.delta.p))
    console.print(table)
    colour = {PAYS: "green", DOES_NOT_PAY: "red"}.get(decided.outcome, "yellow")
    console.print(f"[bold {colour}]{escape(decided.headline)}[/]", highlight=False)
    for sentence in filter(None, decided.sentences):
        console.print(escape(sentence), highlight=False)


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print(HELP)
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
        check_name(options["name"])
    if "keep" in options and not options["keep"]:
        raise InputError("keep=: expected a folder")
    publish(paths, Console(), options.get("name"), Path(options["keep"]) if "keep" in options else None)
    return 0


def existing(text: str) -> Path:
    """A directory that is there. InputError if it is not."""
    if not Path(text).is_dir():
        raise InputError(f"'{text}': no such directory")
    return Path(text)
