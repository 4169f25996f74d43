"""Runs trained at once beside the same runs one after another, in one process: python benchmarks/replicas.py

Work: ``model=hard weighting=equal`` on ``task=synthetic``, three tasks, 64 inputs, whole runs from config to result,
with their directories, checkpoints, logs and validations. *Tiny* has a trunk 64-64 and batches of 64 rows, *W1* a trunk
256-256 and batches of 256. In each round both ways train the same seeds; figures are medians over the rounds, of
wall-clock seconds and of the processor's seconds of this process, which other programs on the machine disturb less.
*Whole* is everything, *fit* training with validations, logs and checkpoints (``seconds.fit`` of the results, added up),
*steps* training without them. ``--save`` writes them to ``benchmarks/results/replicas.json``.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import torch

from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.lifecycle.together import Job, train_jobs
from mtl.lifecycle.train import train
from mtl.training.resources import environment

WORKS = {
    "tiny": ["encoder.widths=[64,64]", "batch_size=64"],
    "W1": ["encoder.widths=[256,256]", "batch_size=256"],
}
RESULTS = Path(__file__).parent / "results" / "replicas.json"


def one_after_another(configs: list[RunConfig]) -> list[RunResult]:
    """The runs, each with a training of its own."""
    found = [train(config) for config in configs]
    return [one for one in found if one is not None]


def at_once(configs: list[RunConfig]) -> list[RunResult]:
    """The runs in one training."""
    jobs = [Job(config) for config in configs]
    train_jobs(jobs, len(jobs))
    found = [job.result for job in jobs if job.result is not None]
    assert all(one.replicas == len(configs) for one in found), "the runs were not trained at once"
    return found


def measured(way: Callable[[list[RunConfig]], list[RunResult]], configs: list[RunConfig]) -> dict[str, float]:
    """Seconds of doing the runs in this way."""
    for config in configs:
        shutil.rmtree(config.output, ignore_errors=True)
    wall, processor = time.perf_counter(), time.process_time()
    results = way(configs)
    assert len(results) == len(configs)
    return {
        "whole": time.perf_counter() - wall,
        "whole, processor": time.process_time() - processor,
        "fit": sum(one.seconds.fit for one in results),
        "steps": sum(one.seconds.step * one.steps for one in results),
    }


def main() -> None:
    """Measure, print a line for each work, and keep the figures where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", nargs="*", default=list(WORKS))
    parser.add_argument("--replicas", type=int, default=16)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    set_process_defaults()
    torch.set_num_threads(given.threads)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        for work in given.works:
            overrides = [*WORKS[work], "task=synthetic", "task.features=64", f"task.rows={given.rows}", "model=hard"]
            overrides += ["weighting=equal", f"epochs={given.epochs}", "steps=null", "patience=null"]
            overrides += [f"threads={given.threads}", "progress=false", f"output={folder}"]
            configs = [configure(*overrides, f"seed={seed}") for seed in range(given.replicas)]
            rounds = [(measured(one_after_another, configs), measured(at_once, configs)) for _ in range(given.rounds)]
            figures[work] = {
                name: {
                    "one after another": statistics.median(alone[name] for alone, _ in rounds),
                    "at once": statistics.median(together[name] for _, together in rounds),
                    "ratios": sorted(alone[name] / together[name] for alone, together in rounds),
                }
                for name in rounds[0][0]
            }
            for name, found in figures[work].items():
                print(
                    f"{work:5} {name:17} {found['one after another']:7.2f} s {found['at once']:7.2f} s"
                    f"  ratio {statistics.median(found['ratios']):.2f} ({min(found['ratios']):.2f} to"
                    f" {max(found['ratios']):.2f})",
                    flush=True,
                )
    if given.save:
        RESULTS.parent.mkdir(exist_ok=True)
        asked = {key: value for key, value in vars(given).items() if key != "save"}
        RESULTS.write_text(json.dumps({"asked": asked, "machine": environment(), "works": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
