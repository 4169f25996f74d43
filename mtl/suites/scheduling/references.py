"""Reference schedules of many instances: solved once in parallel, then read from a cache that survives damage."""

import hashlib
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mtl.config.system import usable_cores
from mtl.errors import InputError
from mtl.runs.files import read_json, write_json
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.solver import Solution, feasible, solve, solver_version
from mtl.suites.sources.cache import cache_errors, make_directory


def references(
    instances: Sequence[JobShop], limits: Sequence[float], cache: Path, workers: int | None = None
) -> list[Solution]:
    """A schedule of every instance, by CP-SAT with a deterministic limit for each (see :func:`solve`).

    Each is one file named by the hash of all that determines it, written atomically: an interrupted run goes on where
    it stopped, and several first runs at once write the same files without harm. A file whose checksum or
    schedule is not right is solved anew.

    Args:
        instances: what to schedule.
        limits: deterministic limit of each.
        cache: directory of the files, created when missing.
        workers: solvers at work at once; default: the cores this process may use.

    Returns:
        The schedules, in the order of the instances.

    Raises:
        InputError: the cache directory cannot be written, or the solver is not installed.
    """
    folder = make_directory(cache / "scheduling")
    solver = solver_version()
    files = [
        folder / f"{_key(instance, limit, solver)}.json" for instance, limit in zip(instances, limits, strict=True)
    ]
    found = {i: cached for i, file in enumerate(files) if (cached := read(file, instances[i])) is not None}
    missing = [i for i in range(len(instances)) if i not in found]
    if missing:
        stop = Event()

        def work(i: int) -> tuple[int, Solution]:
            solution = solve(instances[i], limits[i], stop=stop)
            write(files[i], solution)
            return i, solution

        # Threads suffice: the solver gives up the interpreter lock while it searches.
        pool = ThreadPoolExecutor(workers or usable_cores())
        try:
            with _progress(len(missing)) as progress:
                for i, solution in progress.track(
                    pool.map(work, missing), total=len(missing), description="Solving reference schedules (once)"
                ):
                    found[i] = solution
        finally:
            stop.set()  # where this was interrupted: nobody waits for the searches that are under way
            pool.shutdown(cancel_futures=True)
    return [found[i] for i in range(len(instances))]


def _progress(count: int) -> Progress:
    console = Console(stderr=True, force_jupyter=False)
    if not console.is_terminal:  # where a bar is written when it has ended, which may be minutes later
        sys.stderr.write(f"solving {count} reference schedules, once\n")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _key(instance: JobShop, limit: float, solver: str) -> str:
    facts = [instance.durations.tolist(), instance.machines.tolist(), limit, solver]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def write(file: Path, solution: Solution) -> None:
    """Store a solution with its checksum, atomically. InputError if the disk refuses."""
    content = json.dumps({"starts": solution.starts.tolist(), "bound": solution.bound})
    with cache_errors(file):
        write_json(file, {"sha256": hashlib.sha256(content.encode()).hexdigest(), "content": content})


def read(file: Path, instance: JobShop) -> Solution | None:
    """The stored solution; None when there is none or the file is damaged."""
    try:
        outer = read_json(file)
        if hashlib.sha256(outer["content"].encode()).hexdigest() != outer["sha256"]:
            return None
        content = json.loads(outer["content"])
        starts, bound = np.asarray(content["starts"], dtype=np.int64), int(content["bound"])
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not feasible(instance, starts):
        return None
    return Solution(starts, int((starts + instance.durations).max()), bound)
