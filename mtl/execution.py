"""One execution from a trained run to a report beside it."""

import json
import time
from pathlib import Path
from typing import Any

import torch

from mtl.agent.agent import Agent
from mtl.agent.environment import Environment, ExecutionReport
from mtl.assembly import load, make
from mtl.runs import Run, newest, write_text


def execute(
    environment: dict[str, Any], run: str | None, output: str = "outputs", threads: int | None = None
) -> tuple[ExecutionReport, Path]:
    """Let a trained run act, and keep what came of it in a new directory under ``<run>/executions``.

    The directory holds the files of :meth:`ExecutionReport.write` and ``settings.json``, the environment's config.

    Args:
        environment: config of the environment.
        run: a run directory; None takes the run under ``output`` that finished last.
        output: where runs are.
        threads: on the CPU; None: the cores, at most 4.

    Returns:
        The report and the directory.

    Raises:
        InputError: the run is missing, damaged or not of this environment, or the environment's config has a mistake.
    """
    torch.set_num_threads(threads or min(4, torch.get_num_threads()))
    place: Environment = make(environment)
    opened = Run.open(run) if run is not None else newest(output)
    assembly = load(opened.path)
    report = Agent(assembly.graph, assembly.module.predict).execute(place)
    directory = fresh(opened.path / "executions")
    write_text(directory / "settings.json", json.dumps({"run": opened.id, "environment": environment}, indent=2) + "\n")
    report.write(directory)
    return report, directory


def fresh(parent: Path) -> Path:
    """A new directory in ``parent``, named by the time: executions never overwrite one another."""
    parent.mkdir(parents=True, exist_ok=True)
    name, number = time.strftime("%Y%m%d-%H%M%S"), 1
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
            continue
        return path
