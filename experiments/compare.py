"""Does learning these tasks together pay? Plans, trains and compares; `--help` says how."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))  # the clone: this file is started by its path

from rich.console import Console

from experiments.study import Study, study
from mtl.cli import CONF, mistakes, quiet

if TYPE_CHECKING:
    from experiments.plan import Plan

HELP = """\
python experiments/compare.py [setting=value | override=value]...

Trains a single-task baseline and every model with every weighting, over several seeds, and says with evidence whether
learning together pays. Run it again and it does only what is missing; stop it at any time. Settings and their defaults:

"""
INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Run the command line; the exit code is 0, or 1 when runs failed, or 130 when it was interrupted."""
    if {"-h", "--help"} & set(arguments):
        print(HELP + (CONF / "compare.yaml").read_text(encoding="utf-8"))
        return 0
    command = " ".join(["python experiments/compare.py", *arguments])
    console = Console()
    try:
        return run(study(arguments), command, console)
    except KeyboardInterrupt:
        console.print(f"interrupted; the same command goes on from here: {command}", markup=False)
        return INTERRUPTED


def run(asked: Study, command: str, console: Console) -> int:
    """Plan, train, compare."""
    # Imported here: help and mistakes in settings are answered without waiting for torch
    from experiments.live import plan_table
    from experiments.plan import Planner
    from experiments.report import publish
    from experiments.workers import cores

    workers = cores() if asked.workers is None else asked.workers
    with console.status("loading the data, and timing a few steps of each configuration"):
        planner = Planner(asked)
        multi = planner.multi_task()
        configurations = [*planner.baselines(multi), *multi]
        plan, tuning = planner.plan(configurations), planner.tuning(configurations)
    if asked.tune:
        console.print(plan_table(tuning, workers, "choosing by validation"))
    console.print(plan_table(plan, workers, "comparing"))
    if asked.dry_run:
        return 0
    if asked.tune:
        train(tuning, workers, console)
        plan = planner.plan(planner.tuned(tuning))
    plan.save(command)
    train(plan, workers, console)
    failures = publish([plan.directory], console, folder=Path(asked.keep) if asked.keep else None)
    return 1 if failures else 0


def train(plan: "Plan", workers: int, console: Console) -> None:
    """Do the runs of a plan, with a live table."""
    from experiments.live import Progress
    from experiments.workers import sweep

    progress = Progress(plan, workers, console)
    with progress.live:
        sweep(plan.entries, plan.output, workers, fail_fast=plan.study.fail_fast, watch=progress.show)
    console.print(progress.table())


if __name__ == "__main__":
    quiet()
    with mistakes():
        raise SystemExit(main(sys.argv[1:]))
