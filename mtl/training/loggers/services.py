"""Loggers of other projects, each of whose packages is needed only by whoever names it."""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger

from mtl.errors import InputError
from mtl.training.loggers.mlflow import RunLogger, check_server


def check_installed(package: str) -> None:
    """Raise InputError where the package of a logger is missing."""
    if find_spec(package) is None:
        raise InputError(f"logger={package} needs the package {package}, which is not installed: pip install {package}")


def check_mlflow(tracking_uri: str | None = None, **_: Any) -> None:
    """Raise InputError where MLflow is missing, or nobody answers at the address of its server."""
    check_installed("mlflow")
    check_server(tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or "")


def output_of(run: Path) -> Path:
    """The output directory that a run is in."""
    return run.resolve().parents[3]


def mlflow_logger(
    run: Path, experiment: str = "mtl", tracking_uri: str | None = None, registered_model: str | None = None
) -> Logger:
    """A logger for MLflow; a run is called by its id there, and a resumed one is a new run of the same name.

    Args:
        run: the run's directory.
        experiment: that it is part of.
        tracking_uri: where to; None: the variable ``MLFLOW_TRACKING_URI``, or else ``<output>/mlflow.db``.
        registered_model: a name in the model registry, of which the finished run becomes a version; None: it does not.

    Returns:
        The logger.

    Raises:
        InputError: the package is missing, or no server answers.
    """
    check_mlflow(tracking_uri)
    place, files = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"), None
    if not place:
        place, files = f"sqlite:///{output_of(run) / 'mlflow.db'}", output_of(run) / "mlartifacts"
    return RunLogger(experiment, run, place, files, registered_model)


def wandb_logger(run: Path, project: str = "mtl", *, offline: bool = True) -> Logger:
    """A logger for Weights & Biases, which writes to the run's directory.

    Args:
        run: the run's directory.
        project: that it is part of.
        offline: nothing is sent.

    Returns:
        The logger.

    Raises:
        InputError: the package is missing.
    """
    check_installed("wandb")
    return WandbLogger(run.name, str(run), offline=offline, project=project)


def aim_logger(run: Path, experiment: str = "mtl") -> Logger:
    """A logger for Aim, which writes to the output directory.

    Args:
        run: the run's directory.
        experiment: that it is part of.

    Returns:
        The logger.

    Raises:
        InputError: the package is missing.
    """
    check_installed("aim")
    from aim.pytorch_lightning import AimLogger

    logger: Logger = AimLogger(repo=str(output_of(run)), experiment=experiment, run_name=run.name)
    return logger


# What is asked of each before a run has a directory, given the arguments that the config has for it
CHECKS: Mapping[Callable[..., Logger], Callable[..., None]] = {
    mlflow_logger: check_mlflow,
    wandb_logger: lambda **_: check_installed("wandb"),
    aim_logger: lambda **_: check_installed("aim"),
}
