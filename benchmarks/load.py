"""What many runs and many steps take: python benchmarks/load.py

- *sweep*: a comparison of 200 small runs by eight processes that share one ledger. Each run must be there once.
- *report*: these and 800 copies of them with other seeds, read and compared as finished runs.
- *steps*: a training of 100,000 optimizer steps, with validations, logs and checkpoints; memory of its process at
  tenths of its time.

Everything is ``task=synthetic`` with networks of two small layers. Memory is that of the process, in MB, without those
that it starts. ``--save`` writes the figures to ``benchmarks/results/load.json``.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import psutil

from mtl.cli.compare import compare
from mtl.comparison.gathering import gather, write_report
from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from mtl.runs.identity import run_id
from mtl.training.resources import environment

SMALL = ("task=synthetic", "task.rows=200", "task.features=6", "encoder.widths=[8,6]", "batch_size=40", "threads=1")
SHORT = ("epochs=3", "steps=null", "patience=null", "progress=false", "logger=csv")
CONFIGURATIONS = 10  # three models with three weightings, and single-task networks
EVERY = 0.5  # seconds between two readings of the memory
RESULTS = Path(__file__).parent / "results" / "load.json"


class Memory(threading.Thread):
    """Reads the memory of this process until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over, self.readings = threading.Event(), [psutil.Process().memory_info().rss]

    def run(self) -> None:
        while not self.over.wait(EVERY):
            self.readings.append(psutil.Process().memory_info().rss)

    def megabytes(self) -> list[int]:
        """The readings at tenths of the time, from the beginning to the end."""
        last = len(self.readings) - 1
        return [round(self.readings[last * tenth // 10] / 1e6) for tenth in range(11)]


def measured(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the work says, its seconds, and the memory of this process meanwhile."""
    memory = Memory()
    memory.start()
    began = time.perf_counter()
    said = StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        found = work()
    seconds = time.perf_counter() - began
    memory.over.set()
    memory.join()
    return {**found, "seconds": round(seconds, 1), "megabytes": memory.megabytes()}


def sweep(folder: Path, seeds: int, workers: int) -> dict[str, Any]:
    """Runs of a comparison by several processes, counted afterwards."""
    design = ["design=full", f"seeds={seeds}", f"workers={workers}", "baselines=[]", "execution=none"]
    compare(*SMALL, *SHORT, *design, f"output={folder}")
    results = list(folder.glob("runs/*/*/*/result.json"))
    states = {path.read_text(encoding="utf-8").strip() for path in folder.glob("runs/*/*/*/state")}
    directories = [path for path in folder.glob("runs/*/*/*") if path.is_dir()]
    expected = CONFIGURATIONS * seeds
    assert len(results) == len(directories) == expected, f"{len(directories)} directories, {len(results)} results"
    assert states == {"done"}, states
    return {"runs": expected, "workers": workers}


def report(folder: Path, copies: int) -> dict[str, Any]:
    """The runs and copies of them, as one report."""
    given = sorted(folder.glob("runs/*/*/*/result.json"))
    for path in given:
        run = Run.open(path.parent)
        config, result = run.config, run.result
        for copy in range(1, copies):
            other = config.changed(seed=config.seed + 1000 * copy)
            made = Run.create(other)
            made.state, made.config, made.contributions = "running", other, run.contributions
            changed = {"run_id": run_id(other), "seed": other.seed, "config": other.plain()}
            made.finish(result.model_copy(update={**changed, "directory": str(made.path)}))
    began = time.perf_counter()
    runs = gather([folder / "runs"])
    read = time.perf_counter() - began
    assert not runs.problems, runs.problems
    expected = copies * len(given)
    assert len(runs.records) == expected, f"{len(runs.records)} of {expected} runs"
    began = time.perf_counter()
    write_report(runs, folder / "comparisons" / "load", None)
    return {"runs": expected, "read": round(read, 1), "written": round(time.perf_counter() - began, 1)}


def steps(folder: Path, count: int) -> dict[str, Any]:
    """One long training."""
    long = ["task.rows=2000", "scheduler=none", "epochs=100000", f"steps={count}", "patience=null", "progress=false"]
    given = [*SMALL, *long, "validate_every=1000", "model=gated", "execution=none"]
    result = train(configure(*given, f"output={folder}"))
    assert result is not None
    return {"steps": result.steps, "fit": round(result.seconds.fit, 1)}


def main() -> None:
    """Measure, print a line for each part, and keep the figures where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="runs of the sweep: ten times as many")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--copies", type=int, default=5, help="runs of the report: so many times those of the sweep")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--parts", nargs="*", default=["sweep", "report", "steps"], help="of these (default: all)")
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    if "report" in given.parts and "sweep" not in given.parts:
        parser.error("report reads the runs of sweep")
    set_process_defaults()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, work in (
            ("sweep", lambda: sweep(folder / "sweep", given.seeds, given.workers)),
            ("report", lambda: report(folder / "sweep", given.copies)),
            ("steps", lambda: steps(folder / "steps", given.steps)),
        ):
            if part not in given.parts:
                continue
            figures[part] = measured(work)
            print(f"{part:6} " + ", ".join(f"{name} {value}" for name, value in figures[part].items()), flush=True)
    if given.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"machine": environment(), **figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
