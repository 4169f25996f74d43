"""Runs trained at once beside the same runs one after another, in one process: python benchmarks/replicas.py

Work: ``model=hard weighting=equal``, whole runs from config to result, with their directories, checkpoints, logs and
validations. *tiny* and *W1* are 16 runs of ``task=synthetic`` with three tasks and 64 inputs: a trunk 64-64 and batches
of 64 rows, a trunk 256-256 and batches of 256. *table* is 8 runs of ``task=table`` with its default encoder and 10,000
rows, 12 columns and three targets that are drawn here. In each round all ways train the same seeds, after runs of each
process that are not counted; figures are medians over the rounds.

- *one after another* and *at once*: in this process, with one thread. *two threads*: at once, with two.
- *two processes*: each trains half of the runs at once, as a comparison does on two cores
  (:func:`mtl.sweep.workers.sweep`). They live on from round to round; what their start takes, imports and first runs,
  is said by itself.
- *whole* is everything, in seconds by the clock and of the processor, of all processes; the second is disturbed less by
  other programs. *fit* is training with validations, logs and checkpoints (``seconds.fit`` of the results, added up),
  *steps* training without them.

``--save`` writes all to ``benchmarks/results/replicas.json``.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mtl.config.process import program_imports, set_process_defaults

set_process_defaults()
with program_imports():  # as every command: each run begins with a garbage collection, which passes over the imports
    import numpy as np
    import psutil
    import torch

    from benchmarks.measuring.quiet import quiet_place
    from mtl.config.compose import configure
    from mtl.config.run_config import RunConfig
    from mtl.config.run_result import RunResult
    from mtl.lifecycle.together import Job, train_jobs
    from mtl.lifecycle.train import train
    from mtl.sweep.queue import QueuedRun, RunQueue
    from mtl.sweep.worker_pool import WorkerPool
    from mtl.sweep.workers import sweep
    from mtl.training.resources import environment

ROWS = 10_000  # of the table
SYNTHETIC = ["task=synthetic", "task.features=64"]
WORKS = {
    "tiny": [*SYNTHETIC, "encoder.widths=[64,64]", "batch_size=64"],
    "W1": [*SYNTHETIC, "encoder.widths=[256,256]", "batch_size=256"],
    "table": ["task=table", "task.targets={cost: regression, late: binary, kind: classes}"],
}
RUNS = {"table": 8}  # else as --replicas says
RESULTS = Path(__file__).parent / "results" / "replicas.json"
Way = Callable[[list[RunConfig]], list[RunResult]]


def one_after_another(configs: list[RunConfig]) -> list[RunResult]:
    """The runs, each with a training of its own."""
    found = [train(config) for config in configs]
    return [one for one in found if one is not None]


def at_once(configs: list[RunConfig], threads: int = 1) -> list[RunResult]:
    """The runs in one training."""
    jobs = [Job(config.changed(threads=threads)) for config in configs]
    train_jobs(jobs, len(jobs))
    found = [job.result for job in jobs if job.result is not None]
    assert all(one.replicas == len(configs) for one in found), "the runs were not trained at once"
    return found


def in_two_processes(configs: list[RunConfig], pool: WorkerPool, fingerprint: str) -> list[RunResult]:
    """The runs in two trainings, of a process each.

    Args:
        configs: the runs.
        pool: of the processes.
        fingerprint: of the data.

    Returns:
        Their results.
    """
    entries, output = [QueuedRun(config, fingerprint) for config in configs], Path(configs[0].output)
    sweep(entries, output, 2, replicas=len(entries), pool=pool)
    runs = [RunQueue(output).done(entry) for entry in entries]
    found = [run.result for run in runs if run is not None]
    assert all(one.replicas == len(configs) // 2 for one in found), "the runs were not trained at once"
    return found


def processor_seconds() -> float:
    """Of this process and its children, as far as they live."""
    process = psutil.Process()
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def measured(way: Way, configs: list[RunConfig], output: Path) -> dict[str, float]:
    """Seconds of doing the runs in this way.

    Args:
        way: what does them.
        configs: the runs.
        output: a directory for them, which is removed afterwards.

    Returns:
        By name.
    """
    placed = [config.changed(output=str(output)) for config in configs]
    wall, processor = time.perf_counter(), processor_seconds()
    results = way(placed)
    found = {"whole": time.perf_counter() - wall, "whole, processor": processor_seconds() - processor}
    assert len(results) == len(configs)
    shutil.rmtree(output)
    return {
        **found,
        "fit": sum(one.seconds.fit for one in results),
        "steps": sum(one.seconds.step * one.steps for one in results),
    }


def draw_table(path: Path) -> None:
    """Write a table of numbers, categories and a count, and three targets that depend on them."""
    draws = np.random.default_rng(0)
    numbers = draws.normal(size=(7, ROWS))
    categories = [draws.integers(0, size, ROWS) for size in (3, 8, 20, 40)]
    count = draws.poisson(3, ROWS)
    signal = numbers[0] * numbers[1] + np.sin(numbers[2]) + 0.3 * (categories[1] % 3) + 0.1 * count
    columns: dict[str, list[str]] = {f"number{i}": [f"{value:.5f}" for value in row] for i, row in enumerate(numbers)}
    columns |= {f"category{i}": [f"c{value}" for value in row] for i, row in enumerate(categories)}
    columns["count"] = [str(value) for value in count]
    columns["cost"] = [f"{value:.5f}" for value in signal + 0.1 * draws.normal(size=ROWS)]
    columns["late"] = ["yes" if value > 0.5 else "no" for value in signal + draws.normal(size=ROWS)]
    columns["kind"] = [f"k{value}" for value in np.digitize(signal + numbers[3], [-0.5, 0.5, 1.5])]
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def configs_of(work: str, given: argparse.Namespace, folder: Path) -> list[RunConfig]:
    """The runs of a work, which differ in their seeds."""
    overrides = [*WORKS[work], "model=hard", "weighting=equal", f"epochs={given.epochs}", "steps=null"]
    overrides += ["patience=null", "threads=1", "progress=false"]
    if work == "table":
        draw_table(folder / "table.csv")
        overrides.append(f"task.path={folder / 'table.csv'}")
    else:
        overrides.append(f"task.rows={given.rows}")
    return [configure(*overrides, f"seed={seed}") for seed in range(RUNS.get(work, given.replicas))]


def compared(configs: list[RunConfig], folder: Path, rounds: int) -> dict[str, Any]:
    """Figures of a work: by name and way the median, and by way the ratios to one after another, of each round.

    Args:
        configs: the runs.
        folder: to work in.
        rounds: how often each way does them.

    Returns:
        Figures, and seconds that the start of two processes takes.
    """
    first = [config.changed(seed=1000 + config.seed) for config in configs[:4]]
    fingerprint = at_once([config.changed(output=str(folder / "first")) for config in first])[0].data.fingerprint
    RunQueue(folder / "pool")  # makes the directory of what the processes print
    with WorkerPool(folder / "pool") as pool:
        processes = partial(in_two_processes, pool=pool, fingerprint=fingerprint)
        start = measured(processes, first, folder / "start")["whole"]
        ways: dict[str, Way] = {
            "one after another": one_after_another,
            "at once": at_once,
            "two threads": partial(at_once, threads=2),
            "two processes": processes,
        }
        found = [{name: measured(way, configs, folder / "runs") for name, way in ways.items()} for _ in range(rounds)]
    out: dict[str, Any] = {}
    for figure in found[0]["at once"]:
        out[figure] = {name: statistics.median(one[name][figure] for one in found) for name in ways}
        out[figure]["ratios"] = {
            name: sorted(one["one after another"][figure] / one[name][figure] for one in found)
            for name in ways
            if name != "one after another"
        }
    return {**out, "start of two processes": start}


def show(work: str, found: dict[str, Any]) -> None:
    """Print the figures of a work."""
    for figure, values in found.items():
        if figure.startswith("start"):
            print(f"{work:5} {figure}: {values:.2f} s", flush=True)
            continue
        for name, ratios in values["ratios"].items():
            print(
                f"{work:5} {figure:17} one after another {values['one after another']:6.2f} s, {name:13}"
                f" {values[name]:6.2f} s, ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
                flush=True,
            )


def main() -> None:
    """Measure, print the figures of each work, and keep them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", nargs="*", default=list(WORKS))
    parser.add_argument("--replicas", type=int, default=16)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    for work in given.works:
        with quiet_place() as place:
            figures[work] = compared(configs_of(work, given, place), place, given.rounds)
        show(work, figures[work])
    if given.save:
        RESULTS.parent.mkdir(exist_ok=True)
        asked = {key: value for key, value in vars(given).items() if key != "save"}
        RESULTS.write_text(json.dumps({"asked": asked, "machine": environment(), "works": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
