"""Where the course of a run is written: its CSV files, and what the config group ``logger`` names beside them.

A logger is a Lightning logger, or with ``_partial_`` a factory that is called with the directory of the run. All are
told the same; those of other projects also the hyper-parameters at the start and the final metrics at the end. None of
it can change a number, so it is no part of a run's id.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from mtl.config.factories import call_factory, instantiate_node
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.runs.identity import identity
from mtl.training.loggers.dashboard import DashboardLogger
from mtl.training.loggers.mlflow import SECONDS, RunLogger
from mtl.training.loggers.services import CHECKS

UNDER_WAY: dict[Path, list[Logger]] = {}  # by directory of a run that has not ended


def check_loggers(config: RunConfig) -> None:
    """InputError where a logger of a run cannot be made, as its package is missing; makes none.

    What would be made without the run's directory is not tried, since it may write.
    """
    for name, node in config.logger.items():
        if node.get("_partial_"):
            factory = instantiate_node(node, f"logger.{name}", config.trust)
            check = CHECKS.get(factory.func)
            if check is not None:
                check(**factory.keywords)


def make_loggers(directory: Path, config: RunConfig) -> list[Logger]:
    """The loggers of a run, the CSV files last.

    Args:
        directory: of the run. A resumed run adds a CSV file, since the logger would overwrite the one that is there.
        config: names the others.

    Returns:
        The loggers.

    Raises:
        InputError: what is named is no logger, or its package is missing.
    """
    number = len(list(directory.glob("csv*"))) + 1
    table = CSVLogger(directory, name="", version="csv" if number == 1 else f"csv-{number}")
    found = [*(made(name, node, directory, config.trust) for name, node in config.logger.items()), table]
    UNDER_WAY.setdefault(directory.resolve(), []).extend(found)
    return found


def end_loggers(directory: Path, *, interrupted: bool) -> None:
    """Tell the loggers of a run that it has ended before its end; those that cannot be told in time are let go of.

    Lightning tells its own trainer's loggers of what ends within a training, and not where a second signal comes.

    Args:
        directory: of the run.
        interrupted: it was, and did not fail.
    """

    def end() -> None:
        for logger in loggers:
            with suppress(Exception):  # the run has its own error
                if isinstance(logger, RunLogger):
                    logger.end(interrupted=interrupted)
                else:
                    logger.finalize("failed")
                if isinstance(logger, WandbLogger):  # whose next run in this process would else be the same
                    logger.experiment.finish(exit_code=1)

    loggers = of_other_projects(forget_loggers(directory))
    if loggers:
        telling = Thread(target=end, daemon=True)
        telling.start()
        telling.join(SECONDS)


def forget_loggers(directory: Path) -> list[Logger]:
    """The loggers of a run and of trainings within it, which from now on are nobody's."""
    place = directory.resolve()
    within = [path for path in UNDER_WAY if path == place or place in path.parents]
    return [logger for path in within for logger in UNDER_WAY.pop(path)]


def made(name: str, node: dict[str, Any], directory: Path, trust: Sequence[str]) -> Logger:
    """One logger; arguments as for :func:`make_loggers`."""
    where = f"logger.{name}"
    found = instantiate_node(node, where, trust)
    logger = call_factory(where, found, directory) if node.get("_partial_") else found
    if not isinstance(logger, Logger):
        raise InputError(f"{where}: expected a Lightning logger, and it is a {type(logger).__name__}")
    return logger


def of_other_projects(loggers: Sequence[Logger]) -> list[Logger]:
    """The loggers that keep hyper-parameters and final metrics by themselves."""
    return [logger for logger in loggers if not isinstance(logger, DashboardLogger | CSVLogger)]


def log_hyperparameters(loggers: Sequence[Logger], config: RunConfig) -> None:
    """Tell them everything that can change a number, by dotted key."""
    for logger in of_other_projects(loggers):
        logger.log_hyperparams(flat(identity(config)))


def log_outcome(loggers: Sequence[Logger], result: RunResult, step: int) -> None:
    """Tell them the metrics of the selected checkpoint as ``final/<split>/<task>/<metric>``, and that the run is over.

    Args:
        loggers: of the run.
        result: what came of it.
        step: optimizer steps.
    """
    numbers = {
        f"final/{split}/{key}": value for split, found in result.metrics.items() for key, value in found.flat().items()
    }
    for key, value in (result.execution or {}).items():
        if isinstance(value, float):
            numbers[f"final/execution/{key}"] = value
    for logger in of_other_projects(loggers):
        logger.log_metrics({**numbers, "final/seconds": result.seconds.fit}, step=step)
        logger.finalize("success")
        if isinstance(logger, WandbLogger):  # whose next run in this process would else be the same
            logger.experiment.finish()


def register_run(loggers: Sequence[Logger], run: Path) -> None:
    """Let loggers that have a registry of models register a finished run, where they were told to.

    Args:
        loggers: of the run.
        run: its directory, with its result.
    """
    for logger in loggers:
        if isinstance(logger, RunLogger):
            logger.register(run)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, by dotted key; lists and None as texts."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            out |= flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value if isinstance(value, str | int | float) else str(value)
    return out
