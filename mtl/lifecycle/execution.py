"""One execution: of an agent just trained, or from a trained run to a report beside it."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from mtl.agent.agent import Agent, able
from mtl.agent.environment import Environment, ExecutionReport
from mtl.agent.environments.records import Records
from mtl.assembly import Assembly, load
from mtl.config.factories import instantiate_node
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.runs.directory import Run, newest
from mtl.runs.files import make_unique_directory, write_text

READING = ("separator", "encoding", "missing")
SHOWN = ("model", "weighting", "encoder", "optimizer")  # with the seed as many columns as the dashboard shows at first


def execute(
    environment: dict[str, Any],
    run: str | None,
    output: str = "outputs",
    threads: int | None = None,
    records: str | None = None,
) -> tuple[ExecutionReport, Path]:
    """Let a trained run act, and keep what came of it in a new directory under ``<run>/executions``.

    The directory holds the files of :meth:`ExecutionReport.write` and ``settings.json``, the environment's config.

    Args:
        environment: config of the environment.
        run: a run directory; None takes the run under ``output`` that finished last.
        output: where runs are.
        threads: on the CPU; None: the cores, at most 4.
        records: a file of new rows, to be predicted; the environment is then not looked at.

    Returns:
        The report and the directory.

    Raises:
        InputError: the run is missing, damaged or not of this environment, or the environment's config has a mistake.
    """
    torch.set_num_threads(threads or min(4, torch.get_num_threads()))
    place: Environment | None = None if records else instantiate_node(environment, "environment")
    opened = Run.open(str(run)) if run is not None else newest(str(output))
    assembly = load(opened.path)
    if records:
        environment = {"records": records}
    place = place or Records(Path(str(records)), assembly.data, written_as(assembly))
    check_able(assembly, place, opened)
    report = Agent(assembly.graph, assembly.module.predict).execute(place)
    directory = make_unique_directory(opened.path / "executions" / time.strftime("%Y%m%d-%H%M%S"))
    write_text(directory / "settings.json", json.dumps({"run": opened.id, "environment": environment}, indent=2) + "\n")
    report.write(directory)
    return report, directory


def check_able(assembly: Assembly, place: Environment, run: Run) -> None:
    """InputError if acting takes a task that the run does not have; says what a run on a table can do instead."""
    try:
        able(assembly.graph, place)
    except InputError as error:
        raise InputError(f"{error}{'; to predict new rows: records=new.csv' if run.statistics else ''}") from None


def written_as(assembly: Assembly) -> dict[str, Any]:
    """How the text files of a run's suite are written, if it reads a person's."""
    task = assembly.config.task
    return {key: task[key] for key in READING} if set(READING) <= set(task) else {}


def place_to_act(assembly: Assembly) -> Environment | None:
    """Where the config lets the trained agent act; None if nowhere, or if only a part of the tasks is learned and
    acting takes another. InputError if acting takes a task that the suite does not have.
    """
    place: Environment | None = instantiate_node(assembly.config.execution, "execution")
    if place is None or (assembly.config.tasks and not set(place.requires) <= set(assembly.graph.names)):
        return None
    able(assembly.graph, place)
    return place


def act(
    run: Run, assembly: Assembly, place: Environment | None, result: RunResult, loggers: list[Logger], step: int
) -> tuple[ExecutionReport | None, RunResult]:
    """Execute the agent that was just trained.

    Its files go beside the result, its pictures and the final metrics onto the dashboard.

    Args:
        run: its directory.
        assembly: its objects, trained.
        place: the environment; None: it does not act.
        result: without an execution.
        loggers: a dashboard among them gets the numbers.
        step: at which pictures are shown.

    Returns:
        The report, if it acted, and the result with its summary.
    """
    report = None
    numbers = {f"hparam/{key}": value for key, value in result.metrics["val"].flat().items()}
    if place is not None:
        report = Agent(assembly.graph, assembly.module.predict).execute(place)
        report.write(run.path / "execution")
        result = result.model_copy(update={"execution": report.summary()})
        numbers |= {f"execution/{key}": v for key, v in report.summary().items() if isinstance(v, float)}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            chosen = {group: getattr(result.choices, group) for group in SHOWN}
            logger.log_hyperparams({**chosen, "seed": result.seed}, numbers)
            for picture in sorted((run.path / "execution").glob("*.png")):
                add_picture(logger, picture, step)
        logger.save()
    return report, result


def add_picture(logger: TensorBoardLogger, path: Path, step: int) -> None:
    """Show a PNG file on the dashboard."""
    from matplotlib.image import imread  # matplotlib is slow to import, and not every run has a picture

    logger.experiment.add_image(f"execution/{path.stem}", imread(path)[..., :3], step, dataformats="HWC")
