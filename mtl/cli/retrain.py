"""Train a finished run again where its tasks are worse on later rows: `mtl retrain run=RUN records=later.csv`."""

from mtl.cli.plain_options import modules, read_options, threads, truth
from mtl.cli.streams import print_page
from mtl.config.process import program_imports
from mtl.errors import InputError

HELP = """\
mtl retrain records=FILE [run=RUN] [always=false] [output=outputs] [threads=N] [progress=true] [trust=MODULE,...]

Looks whether the tasks of a finished run of your own table (task=table, tables), or of a suite whose rows are those
of a table (credit, census, claims, flights, jobs), are worse on rows that came later than they were on the run's test
rows: FILE has the same columns, with labels, and is written in the same way; of several tables, the column 'table' says
which one a row is like. Each task is measured by its own primary metric, with an interval; all of them hold together in
95 of 100 cases.

Where a task is worse (with always=true: in any case) the run is trained again, once with all rows of before and half
of the later ones, and once with that half alone. A quarter of the later rows choose the epoch and the better of the
two; on the last quarter it is compared with the run of before, row by row. It is to be used where a task is better
there and none is worse. It is a run like any other, and the run of before stays as it is; interrupted or killed, the
same command goes on with it.

What was measured is written to <run>/drift/<time>/drift.json. Without run, the run under the output directory that
finished last is looked at.
"""
OPTIONS = ("run", "records", "always", "output", "threads", "progress", "trust")


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if {"-h", "--help"} & set(arguments):
        print_page(HELP, end="")
        return 0
    options = read_options(arguments, OPTIONS)
    if "records" not in options:
        raise InputError("retrain: expected a file of later rows with labels, such as records=later.csv")
    always, progress = (truth(options, name, default=name == "progress") for name in ("always", "progress"))
    count = threads(options)
    # Imported here: help and mistakes are answered without waiting for torch
    with program_imports():
        from mtl.cli.retraining_tables import show_candidates, show_drift
        from mtl.config.console import Terminal
        from mtl.lifecycle.retrained import retrain
        from mtl.runs.directory import Run, newest

    path = options["run"] if "run" in options else newest(options.get("output", "outputs")).path
    run = Run.open(path, modules(options))
    console = Terminal()
    found = retrain(
        run,
        options["records"],
        count,
        always=always,
        progress=progress,
        on_drift=lambda known: show_drift(known, console, always=always),
    )
    if found.candidates:
        show_candidates(found, console, list(run.trust))
    return 0
