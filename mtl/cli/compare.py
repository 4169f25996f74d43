"""Does learning these tasks together pay? Plans, trains and compares; `--help` says how."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from mtl.cli.many_runs import carry_out_many
from mtl.cli.streams import print_page
from mtl.config.commands import typed
from mtl.config.console import Terminal
from mtl.config.folders import main_file
from mtl.config.literals import for_shell
from mtl.config.process import program_imports
from mtl.config.study import Study
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.sweep.queue import DONE, FAILED

if TYPE_CHECKING:
    from mtl.comparison.report.content import Report
    from mtl.sweep.plan import Configuration, Plan
    from mtl.sweep.planner import Planner
    from mtl.sweep.queue import QueuedRun
    from mtl.sweep.worker_pool import WorkerPool

HELP = """\
python experiments/compare.py [setting=value | override=value]...

Trains a single-task baseline and every model with every weighting, chooses the best one on validation, confirms it
on fresh seeds, and says with evidence whether learning together pays. Run it again and it does only what is missing;
stop it at any time. Settings and their defaults:

"""


def compare(*given: str) -> "Report":
    """Whether learning together pays, as the command ``compare`` finds it out: trains what is missing, and decides.

    Other processes train; with ``workers=0`` this one does.

    Args:
        *given: settings of the comparison and overrides of its runs, as on the command line: ``task=digits``.

    Returns:
        The comparison and its verdict; written, with pictures, to ``<output>/comparisons/<name>``.

    Raises:
        InputError: a setting or an override is wrong, or every run failed.
    """
    asked = read_study([*given, "dry_run=false"])
    made = carry_out(asked, " ".join([typed("compare"), *map(for_shell, given)]), console_of_caller())
    assert made is not None
    return made


def console_of_caller() -> Console:
    """Where a call from Python writes: in a notebook plain text, as in a file, since drawing again needs widgets."""
    console = Terminal()
    return Terminal(force_jupyter=False, force_terminal=False) if console.is_jupyter else console


def main(arguments: list[str]) -> int:
    """Run the command line; the exit code is 0, 1 when runs failed, or 128 and the number of a signal that ended it."""
    if {"-h", "--help"} & set(arguments):
        print_page(HELP + main_file("compare").read_text(encoding="utf-8"))
        return 0
    command = " ".join([typed("compare"), *map(for_shell, arguments)])
    console = Terminal()
    return carry_out_many(lambda: run(read_study(arguments), command, console), command, console)


def run(asked: Study, command: str, console: Console) -> int:
    """Plan, train, compare; the exit code is 1 when runs failed."""
    made = carry_out(asked, command, console)
    return 1 if made and any(problem.reason.startswith("failed") for problem in made.problems) else 0


def carry_out(asked: Study, command: str, console: Console) -> "Report | None":
    """Plan, train, compare. None where the plan alone was asked for."""
    # Imported here: help and mistakes in settings are answered without waiting for torch
    with program_imports():
        import torch

        from mtl.cli.report import report
        from mtl.comparison.report.readme import check_folder
        from mtl.config.system import usable_cores
        from mtl.sweep.campaign import Campaign
        from mtl.sweep.planner import Planner
        from mtl.sweep.processes import threads_each
        from mtl.sweep.progress import plan_table
        from mtl.sweep.worker_pool import WorkerPool

    if asked.keep:
        check_folder(Path(asked.keep))
    began = time.perf_counter()
    workers = usable_cores() if asked.workers is None else asked.workers
    torch.set_num_threads(threads_each(workers))  # steps are timed as they will be made
    with console.status("loading the data, and timing a few steps of each configuration"):
        planner = Planner(asked)
        planner.splits.check(planner.configs.whole)
        single, multi = planner.single_task(), planner.multi_task()
    if asked.tune:
        console.print(plan_table(planner.grid_plan([single, *multi]), workers, "choosing by validation"))
    announce(planner, single, multi, workers, console)
    if asked.dry_run:
        return None
    missing: dict[str, QueuedRun] = {}  # when they came into sight
    seen: set[str] = set()
    with WorkerPool(planner.output) as pool:

        def train_stage(plan: "Plan", heading: str, later: "Sequence[QueuedRun]") -> bool:
            console.print(heading, style="bold")
            entries = [*plan.entries, *later]
            for entry, state in zip(entries, planner.queue.states(entries), strict=True):
                if state != DONE and (entry.key not in seen or entry.key in missing):
                    missing[entry.key] = entry  # one that was paused and is gone on with is one
                seen.add(entry.key)
            return train(plan, workers, console, pool=pool, later=later if planner.study.at_once == 1 else ())

        untuned: dict[str, str] = {}
        if asked.tune:
            (single, *multi), untuned = choose_on_validation(planner, [single, *multi], workers, console, pool)
        campaign = Campaign(planner, single, multi, command, train_stage, untuned)
        if campaign.screen():
            if campaign.decide():
                campaign.add_baselines()
            done = planner.queue.states(list(missing.values())).count(DONE)
            if done:
                seconds = time.perf_counter() - began
                campaign.save(f"{seconds:,.0f} s for {done} of {campaign.runs} runs, {max(workers, 1)} at once")
    # Of several commands that share the comparison, one at a time writes the report
    with planner.queue.leases.alone(f"report-{planner.comparison_id}"):
        return report([planner.directory], console, folder=Path(asked.keep) if asked.keep else None)


def announce(
    planner: "Planner", single: "Configuration", multi: "list[Configuration]", workers: int, console: Console
) -> None:
    """Say before the runs what they will be, how long they take, and what they can show."""
    from mtl.comparison.scope import planned_power_sentence
    from mtl.sweep.campaign import expected_runs
    from mtl.sweep.progress import format_duration, plan_table

    asked = planner.study
    screens = asked.design == "confirm" and len(multi) > 1
    what = "screening on validation" if screens else "comparing"
    seeds = asked.screening_seeds if screens else asked.deciding_seeds[:1]
    if screens and planner.halves:
        seeds = seeds[:1]
        what += "; the worse half is stopped after half of it"
    plan = planner.plan([single, *multi], seeds)
    console.print(plan_table(plan, workers, what))
    fewest, most = expected_runs(asked, len(multi), halving=planner.halves)
    mean = sum(plan.seconds(one) for one in plan.configurations) / len(plan.configurations) / max(workers, 1)
    runs, times = f"{most} runs in all", f"at most {format_duration(most * mean)}"
    if fewest < most:
        runs = f"{fewest} to {most} runs in all, since it ends at the first look that has an answer"
        times = f"at most {format_duration(fewest * mean)} to {format_duration(most * mean)}"
    further = f"; then those of {', '.join(asked.baselines)} on the same seeds" if asked.baselines else ""
    console.print(f"{runs}; {times}{further}.", highlight=False)
    shown = planned_power_sentence(asked.planned_looks, asked.alpha, len(multi), asked.design, planner.test_share)
    console.print(shown, highlight=False)


def choose_on_validation(
    planner: "Planner", configurations: "list[Configuration]", workers: int, console: Console, pool: "WorkerPool"
) -> "tuple[list[Configuration], dict[str, str]]":
    """Choose values of the grid for each configuration by validation.

    Args:
        planner: of the comparison.
        configurations: the baseline, and what is compared with it.
        workers: processes that train.
        console: where to.
        pool: its processes do it.

    Returns:
        The configurations with these values, the baseline first; and by name what could not be chosen, and why.

    Raises:
        InputError: a failure stopped it, or no run of the baseline, of what ``match`` names, or of all that is compared
            with the baseline has finished.
    """
    tuning = planner.grid_plan(configurations)
    if not train(tuning, workers, console, pool=pool):
        failed = [entry for entry in tuning.entries if planner.queue.state(entry) == FAILED]
        raise InputError(f"a run of the grid failed: {planner.queue.attempt(failed[0])['error']}")
    found = planner.best_of_grid(tuning)
    labels = [one.label for one in found]
    single, *multi = [one.label for one in configurations]
    match = planner.study.match
    needed = [single, *([] if match is None else [planner.configs.label(match, planner.configs.weightings[0])])]
    lacking = [label for label in needed if label not in labels] or ([] if len(found) > 1 else multi)
    if lacking:
        entries = [entry for one in tuning.configurations if one.label == lacking[0] for entry in one.entries]
        error = next((text for entry in entries if (text := planner.queue.attempt(entry).get("error"))), "unfinished")
        raise InputError(f"no run of the grid of {lacking[0]} has finished: {error}")
    gone = {label: "failed: no run of the grid has finished" for label in (single, *multi) if label not in labels}
    return found, {**gone, **planner.failed_points(tuning)}


def train(
    plan: "Plan",
    workers: int,
    console: Console,
    *,
    again: bool = True,
    pool: "WorkerPool | None" = None,
    later: "Sequence[QueuedRun]" = (),
) -> bool:
    """Do the runs of a plan, with a live table; failed ones are tried again, unless that has been done.

    Args:
        plan: what to do.
        workers: processes; 0 does it in this one.
        console: where to.
        again: whether failed ones are tried again.
        pool: its processes do it.
        later: what they do while others are at the last of the plan's.

    Returns:
        False when a failure stopped it.
    """
    from mtl.sweep.progress import Progress
    from mtl.sweep.workers import sweep

    progress = Progress(plan, workers, console)
    entries = [entry for entry in plan.entries if again or progress.queue.state(entry) != FAILED]
    with progress.live:
        study = plan.study
        sweep(
            entries,
            plan.output,
            workers,
            fail_fast=study.fail_fast,
            watch=progress.show,
            replicas=study.at_once,
            leases=study.leases,
            pool=pool,
            spare=later,
        )
    console.print(progress.table())
    counts = progress.counts()
    return not (plan.study.fail_fast and counts[FAILED])
