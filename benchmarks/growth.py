"""How seconds and memory grow with the size of the work: python benchmarks/growth.py

One thing grows at a time, and every point is measured in a process of its own:

- *rows*: a whole run over the rows once, batches of 1,024; *tasks*: a whole run with so many tasks; *parameters*: a
  whole run of eight steps with so many shared parameters; *replicas*: so many runs of one shape, trained at once.
- *processes*: one run by so many processes on this machine, which divide the same batches.
- *runs*: so many finished runs as a sweep sees them: the queue finds them done and others of the same folders missing,
  the report reads, judges and shows them. They are ten runs that were trained, and copies of these with other seeds.

Seconds are the processor's, of all threads, since other programs on a machine disturb them less, and without the start
of the program. Memory is the largest of the process. Of *processes*, each counts its own from the beginning of its run,
and prints its own line: whole seconds and memory are their sums (libraries that both have in memory count twice), the
parts those of the first, and *clock* is how long the first took by the clock. A curve ends with the first point that
takes longer than ``--limit``. ``--save`` writes the figures to ``benchmarks/results/growth.json``, ``--draw`` draws
what is kept there.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from math import isqrt
from pathlib import Path
from typing import Any

from mtl.comparison.comparison import compare
from mtl.comparison.gathering import gather
from mtl.comparison.report.content import Report
from mtl.comparison.report.publish import publish
from mtl.comparison.verdict import verdict
from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.config.system import peak_of_host
from mtl.lifecycle.together import Job, train_jobs
from mtl.lifecycle.train import train
from mtl.runs.checksums import write_checked_text
from mtl.runs.directory import Run
from mtl.runs.files import to_json, write_text
from mtl.runs.identity import run_id
from mtl.sweep.queue import DONE, PENDING, QueuedRun, RunQueue
from mtl.training.resources import environment

ONCE = ("task=synthetic", "model=hard", "weighting=equal", "steps=null", "patience=null", "progress=false", "threads=1")
SMALL = ("task=synthetic", "task.rows=200", "task.features=6", "encoder.widths=[8,6]", "batch_size=40", "threads=1")
SHORT = ("epochs=3", "steps=null", "patience=null", "progress=false", "logger=csv", "execution=none")
PAIRS = [("single_task", "equal")] + [
    (model, weighting) for model in ("hard", "gated", "soft") for weighting in ("equal", "uncertainty", "gradnorm")
]
UNKNOWN = 1_000_000  # seeds from here on are of no run
CURVES: dict[str, list[int]] = {
    "rows": [10_000, 100_000, 1_000_000, 10_000_000],
    "tasks": [2, 8, 32, 128, 256],
    "parameters": [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000],
    "runs": [10, 100, 1_000, 10_000],
    "processes": [1, 2],
    "replicas": [1, 4, 16, 64],
}
RESULTS = Path(__file__).parent / "results" / "growth.json"
PICTURE = Path(__file__).parent.parent / "docs" / "images" / "growth.svg"
Parts = dict[str, float]  # seconds by what they were spent on


class Stopwatch:
    """Seconds of the parts of some work, one after the other."""

    def __init__(self) -> None:
        self.parts: Parts = {}
        self._last = time.process_time()

    def lap(self, name: str) -> None:
        """What was done since the last lap is called so."""
        now = time.process_time()
        self.parts[name], self._last = now - self._last, now


def one_run(config: RunConfig) -> Parts:
    """A whole run, and what of it was loading and training; these two by the clock that the run itself reads."""
    began, clock = time.process_time(), time.monotonic()
    result = train(config)
    found = {"whole": time.process_time() - began, "clock": time.monotonic() - clock}
    if result is not None:
        files = (file for file in Path(result.directory).rglob("*") if file.is_file())
        found["bytes a run"] = sum(file.stat().st_size for file in files)
        found |= {"data": result.seconds.data, "fit": result.seconds.fit, "step": result.seconds.step}
    return found


def rows(folder: Path, size: int) -> Parts:
    return one_run(
        configure(
            *ONCE,
            f"task.rows={size}",
            "task.features=16",
            "batch_size=1024",
            "epochs=1",
            "encoder.widths=[64,64]",
            f"output={folder}",
        )
    )


def tasks(folder: Path, size: int) -> Parts:
    given = (f"task.num_tasks={size}", "task.features=300", "task.rows=2000", "epochs=5", "encoder.widths=[64,64]")
    return one_run(configure(*ONCE, *given, "batch_size=128", f"output={folder}"))


def parameters(folder: Path, size: int) -> Parts:
    width = isqrt(size)
    given = ("task.rows=800", "task.features=16", "batch_size=64", "epochs=1", f"encoder.widths=[{width},{width}]")
    return one_run(configure(*ONCE, *given, f"output={folder}"))


def processes(folder: Path, size: int) -> Parts:
    given = ["task.rows=20000", "task.features=64", "batch_size=256", "epochs=3", "encoder.widths=[256,256]"]
    hardware = ["hardware=ddp_cpu", f"hardware.devices={size}"] if size > 1 else []
    return one_run(configure(*ONCE, *given, *hardware, f"output={folder}"))


def replicas(folder: Path, size: int) -> Parts:
    given = ("task.rows=2000", "task.features=64", "batch_size=64", "epochs=5", "encoder.widths=[64,64]")
    jobs = [Job(configure(*ONCE, *given, f"seed={seed}", f"output={folder}")) for seed in range(size)]
    began = time.process_time()
    train_jobs(jobs, size)
    whole = time.process_time() - began
    results = [job.result for job in jobs if job.result is not None]
    assert len(results) == size
    return {
        "whole": whole,
        "fit": sum(one.seconds.fit for one in results),
        "step": sum(one.seconds.step for one in results),
    }


def runs(folder: Path, size: int) -> Parts:
    trained = [train(configure(*SMALL, *SHORT, f"model={m}", f"weighting={w}", f"output={folder}")) for m, w in PAIRS]
    results = [one for one in trained if one is not None]
    for one in results:
        for seed in range(1, size // len(PAIRS)):
            copy_run(one, seed)
    return as_a_sweep_sees_them(folder, results, size)


def as_a_sweep_sees_them(folder: Path, results: Sequence[RunResult], size: int) -> Parts:
    """Seconds of looking for the runs, and of their report."""
    watch = Stopwatch()
    seeds = range(max(size // len(PAIRS), 1))
    entries = [QueuedRun(one.config.changed(seed=seed), one.data.fingerprint) for one in results for seed in seeds]
    missing = [QueuedRun(one.config.changed(seed=one.config.seed + UNKNOWN), one.fingerprint) for one in entries]
    assert len({one.key for one in (*entries, *missing)}) == 2 * len(entries)
    watch.lap("plan")
    queue = RunQueue(folder)
    assert set(queue.states(entries)) == {DONE}
    watch.lap("find done")
    assert set(queue.states(missing)) == {PENDING}
    watch.lap("find missing")
    queue.states([*entries, *missing])
    watch.lap("look again")
    found = gather([folder / "runs"])
    assert len(found.records) == len(entries), found.problems
    assert len({one.configuration for one in found.records}) == len(results)
    watch.lap("read")
    judged = compare(found.records, found.rules)
    report = Report("growth", "", judged, verdict(judged), ())
    watch.lap("judge")
    publish(folder / "report", report)
    watch.lap("show")
    sizes = sum(file.stat().st_size for file in (folder / "runs").rglob("*") if file.is_file())
    page = (folder / "report" / "report.html").stat().st_size
    whole = sum(watch.parts.values())
    return {"whole": whole, **watch.parts, "bytes a run": sizes / len(entries), "bytes of the page": page}


def copy_run(result: RunResult, seed: int) -> None:
    """A finished run of another seed, with the numbers of this one."""
    source, config = Path(result.directory), result.config.changed(seed=seed)
    made = Run.create(config)
    shutil.copytree(source, made.path, dirs_exist_ok=True)
    text = (source / "config.yaml").read_text(encoding="utf-8")
    write_text(made.path / "config.yaml", re.sub(r"(?m)^seed: 0$", f"seed: {seed}", text))
    changed = {"run_id": run_id(config), "seed": seed, "config": config, "directory": str(made.path)}
    write_checked_text(made.path / "result.json", to_json(result.model_copy(update=changed).plain()))


POINTS: dict[str, Callable[[Path, int], Parts]] = {
    "rows": rows,
    "tasks": tasks,
    "parameters": parameters,
    "runs": runs,
    "processes": processes,
    "replicas": replicas,
}


def measure_here(curve: str, size: int) -> None:
    """Measure a point in this process, and print it as JSON."""
    set_process_defaults()
    # What a run says of its own seconds is to be the processor's, too
    time.perf_counter = time.process_time  # type: ignore[assignment]
    before = peak_of_host()
    with (
        tempfile.TemporaryDirectory() as name,
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        parts = POINTS[curve](Path(name), size)
    print(json.dumps({"size": size, **parts, "peak": peak_of_host(), "peak before": before}))


def measure(curve: str, size: int) -> dict[str, float]:
    """Measure a point in a process of its own, which starts the others of its training by the same command."""
    command = [sys.executable, __file__, "--point", curve, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{curve} {size}: {done.stderr}")
    found: list[dict[str, float]] = [json.loads(line) for line in done.stdout.splitlines()]
    if len(found) != (size if curve == "processes" else 1):
        raise SystemExit(f"{curve} {size}: {len(found)} processes were measured")
    (first,) = (one for one in found if len(found) == 1 or "fit" in one)
    return first | {name: sum(one[name] for one in found) for name in SUMMED}


def draw(kept: dict[str, Any]) -> None:
    """The curves as one figure: processor seconds above, memory below."""
    from matplotlib.figure import Figure

    curves = {name: points for name, points in kept["curves"].items() if len(points) > 1}
    figure = Figure(figsize=(2.5 * len(curves), 5.6), layout="constrained")
    panels = figure.subplots(2, len(curves), sharex="col", squeeze=False)
    for place, (name, points) in enumerate(curves.items()):
        sizes = [one["size"] for one in points]
        parts = [part for part in points[-1] if part not in NO_SECONDS and all(part in one for one in points)]
        for part in parts:
            values = [max(one[part], 1e-4) for one in points]
            panels[0][place].plot(sizes, values, marker="o", markersize=3, label=part)
        largest = points[-1]["whole"]
        smallest = largest * sizes[0] / sizes[-1]
        panels[0][place].plot([sizes[0], sizes[-1]], [smallest, largest], color="0.7", ls=":", label="in proportion")
        panels[1][place].plot(sizes, [one["peak"] / 2**20 for one in points], marker="o", markersize=3)
        panels[0][place].set(xscale="log", yscale="log")
        panels[1][place].set(xscale="log", ylim=(0, None))
        for row in (0, 1):
            panels[row][place].grid(alpha=0.3)
        panels[0][place].set_title(name)
        # Below the panel, where it hides no curve
        panels[0][place].legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2, frameon=False)
        panels[1][place].set_xlabel(name)
    panels[0][0].set_ylabel("processor seconds")
    panels[1][0].set_ylabel("peak memory, MiB")
    figure.savefig(PICTURE, metadata={"Date": None})


SUMMED = ("whole", "peak", "peak before")  # of the processes of a point
NO_SECONDS = ("clock", "size", "peak", "peak before", "bytes a run", "bytes of the page", "step")


def line(curve: str, point: dict[str, float]) -> str:
    """A point in words."""
    seconds = ", ".join(f"{name} {value:.4g}" for name, value in point.items() if not name.startswith(("size", "peak")))
    return f"{curve:10} {point['size']:>11,}  {point['peak'] / 2**20:7,.0f} MiB  {seconds}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line for each point, and keep the figures where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", nargs="*", default=list(CURVES), help="of these, or at other sizes: runs=10,1000")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of the processor after which a curve ends")
    parser.add_argument("--point", nargs=2, help="measure this point of a curve, here")
    parser.add_argument("--save", action="store_true", help="of these curves; others that are kept stay as they are")
    parser.add_argument("--draw", action="store_true", help="draw what is kept, and measure nothing")
    given = parser.parse_args(arguments)
    kept: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {"curves": {}}
    if given.point:
        measure_here(given.point[0], int(given.point[1]))
        return
    if given.draw:
        draw(kept)
        return
    for asked in given.curves:
        curve, _, sizes = asked.partition("=")
        points: list[dict[str, float]] = []
        for size in map(int, sizes.split(",")) if sizes else CURVES[curve]:
            if points and points[-1]["whole"] > given.limit:
                break
            points.append(measure(curve, size))
            print(line(curve, points[-1]), flush=True)
            if given.save:
                kept = {"machine": environment(), "curves": {**kept["curves"], curve: points}}
                RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
