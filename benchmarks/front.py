"""A front of 66 fixed weightings beside ten single runs: python benchmarks/front.py

Work: ``model=hard weighting=fixed`` on ``task=synthetic``, three tasks, 64 inputs, whole runs from config to result, on
one thread. Each point of the front is one choice of loss weights, multiples of 1/13 (``weightings=[front] front=13``).
*Tiny* has a trunk 64-64 and batches of 64 rows, *W1* a trunk 256-256 and batches of 256.

In each round three points are trained one after another, of which a single run is the mean; then the whole front, as
stacks of up to 66 and of up to 16 runs trained at once. *Whole* is everything, *fit* training with validations, logs
and checkpoints, *steps* training without them, all in seconds of the processor, which other programs on the machine
disturb less; *clock* is the whole by the clock. A figure is how many single runs the front takes: the aim is ten at
most.

``--commands`` also takes the front as ``python experiments/compare.py`` does it, with its processes, beside
``python train.py``, once: seconds from the command to its end. ``--save`` keeps the figures.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import torch

from benchmarks.measuring.results import keep
from benchmarks.measuring.spread import Spread
from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.config.run_config import RunConfig
from mtl.lifecycle.together import Job, train_jobs
from mtl.sweep.entries import simplex

WORKS = {
    "tiny": ["encoder.widths=[64,64]", "batch_size=64"],
    "W1": ["encoder.widths=[256,256]", "batch_size=256"],
}
ROOT = Path(__file__).parent.parent
TASKS = ["task0", "task1", "task2"]
SINGLE = 3  # points that are trained one after another, for the mean
Seconds = dict[str, float]


def measured(configs: Sequence[RunConfig], replicas: int) -> Seconds:
    """Seconds of training these runs, up to so many at once."""
    shutil.rmtree(configs[0].output, ignore_errors=True)
    clock, processor = time.monotonic(), time.process_time()
    jobs = [Job(config) for config in configs]
    train_jobs(jobs, replicas)
    spent = {"whole": time.process_time() - processor, "clock": time.monotonic() - clock}
    results = [job.result for job in jobs if job.result is not None]
    assert len(results) == len(configs)
    assert {one.replicas for one in results} <= {replicas, len(configs) % replicas or replicas}, "not trained at once"
    fit = sum(one.seconds.fit for one in results)
    return spent | {"fit": fit, "steps": sum(one.seconds.step * one.steps for one in results)}


def one_round(configs: Sequence[RunConfig], sizes: Sequence[int]) -> dict[str, Seconds]:
    """Seconds of a single run, and of all runs by the number of those trained at once."""
    singles = measured(configs[:: len(configs) // SINGLE][:SINGLE], 1)
    found = {"single run": {name: seconds / SINGLE for name, seconds in singles.items()}}
    return found | {f"{size} at once": measured(configs, size) for size in sizes}


def command(*arguments: str) -> Seconds:
    """Seconds of a command from its start to its end, its processes included."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"clock": time.monotonic() - clock, "processor": processor}


def by_commands(overrides: Sequence[str], point: str, parts: int, folder: Path) -> dict[str, Seconds]:
    """Seconds of a front and of a run of one of its points, as commands that write to the folder."""
    front = ["models=[hard]", "weightings=[front]", f"front={parts}", "design=full", "seeds=1", "baselines=[]"]
    return {
        "single run": command("train.py", *overrides, point, f"output={folder}/one"),
        "front": command(
            "experiments/compare.py",
            *(one for one in overrides if one.partition("=")[0] not in ("model", "weighting", "progress")),
            *front,
            f"output={folder}/front",
        ),
    }


def main() -> None:
    """Measure, print the figures of each work, and keep them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", nargs="*", default=list(WORKS))
    parser.add_argument("--parts", type=int, default=13, help="into which the weight is divided; 13 give 66 points")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--commands", action="store_true")
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    set_process_defaults()
    torch.set_num_threads(1)
    # What a run says of its own seconds is to be the processor's, too
    time.perf_counter = time.process_time  # type: ignore[assignment]
    points = simplex(TASKS, given.parts)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        for work in given.works:
            overrides = [*WORKS[work], "task=synthetic", "task.features=64", f"task.rows={given.rows}", "model=hard"]
            overrides += ["weighting=fixed", f"epochs={given.epochs}", "steps=null", "patience=null", "threads=1"]
            overrides += ["progress=false"]
            configs = [configure(*overrides, point, f"output={name}/runs") for point in points]
            sizes = [len(points), *([16] if len(points) > 16 else [])]
            with redirect_stderr(nowhere):
                measured(configs[:1], 1)  # what is imported when it is needed is there from now on
                rounds = [one_round(configs, sizes) for _ in range(given.rounds)]
            figures[work] = {
                way: {part: [one[way][part] for one in rounds] for part in rounds[0][way]} for way in rounds[0]
            }
            single = figures[work]["single run"]
            for way in list(figures[work])[1:]:
                for part, values in figures[work][way].items():
                    taken = Spread.of([all_of / one for all_of, one in zip(values, single[part], strict=True)])
                    seconds = Spread.of(values)
                    print(
                        f"{work:5} {len(points)} runs, {way:10}  {part:6} {seconds} s, {taken} single runs", flush=True
                    )
            if given.commands:
                found = figures[work]["commands"] = by_commands(overrides, points[0], given.parts, Path(name) / work)
                for part, spent in found["front"].items():
                    runs = spent / found["single run"][part]
                    print(f"{work:5} {len(points)} runs, compare.py  {part} {spent:.1f} s, {runs:.1f} of train.py")
    if given.save:
        keep("front", {"asked": {k: v for k, v in vars(given).items() if k != "save"}, "works": figures})


if __name__ == "__main__":
    main()
