"""MLflow, with its registry: the directory of a finished run can become a version of a registered model."""

import hashlib
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from pytorch_lightning.loggers import MLFlowLogger
from pytorch_lightning.utilities import rank_zero_only
from typing_extensions import override

from mtl.errors import InputError
from mtl.runs.files import read_json, write_json

FOLDER = "run"  # of the artifacts
# What predictions are made of, and what says where they come from; not the dashboard and the last checkpoint
FILES = (
    "config.yaml",
    "best.ckpt",
    "trees.json",
    "statistics.json",
    "affinity.json",
    "contributions.npz",
    "result.json",
)
SECONDS = 10.0  # that a server may take to answer
BEGUN = "mlflow.json"  # in the directory of a run: which run of MLflow it is
CHECKED = ("checksums.json", "state")
# What MLflow takes at once, and of names and values
METRICS, PARAMETERS, NAME, VALUE = 1000, 100, 250, 6000
OTHER_SIGNS = re.compile(r"[^\w.\- :]")  # of names; of metrics also /


def check_server(tracking_uri: str) -> None:
    """Raise InputError where nobody answers at the address of a server: MLflow itself tries for minutes.

    The address may hold a name and a password, which are for MLflow alone, and are not printed.
    """
    if not tracking_uri.startswith(("http://", "https://")):
        return
    try:
        parts = urlsplit(tracking_uri)
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    except ValueError as error:
        raise InputError(f"logger.mlflow.tracking_uri is no address of a server: {error}") from None
    try:
        urlopen(address, timeout=SECONDS).close()
    except HTTPError:  # an answer
        return
    except (OSError, ValueError) as error:
        if isinstance(error, URLError) and isinstance(error.reason, ssl.SSLError):  # an answer too: MLflow has options
            return
        raise InputError(f"logger.mlflow.tracking_uri={address}: no server answers there ({error})") from None


class Names:
    """Names for MLflow, of unlike keys unlike ones: also where they differ in signs that it refuses, or at the end."""

    def __init__(self) -> None:
        self._of_key: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, key: str, wanted: str) -> str:
        """The name of a key.

        Args:
            key: what it is called here.
            wanted: a name of it that MLflow takes if it is not too long; what comes later with a taken one gets a
                hash of its key.

        Returns:
            The same name each time.
        """
        if key not in self._of_key:
            name = wanted[:NAME]
            if name in self._taken:
                mark = hashlib.sha256(key.encode()).hexdigest()[:8]
                name = f"{name[: NAME - len(mark) - 1]}_{mark}"
            self._of_key[key] = name
            self._taken.add(name)
        return self._of_key[key]


class RunLogger(MLFlowLogger):
    """Lightning's logger for MLflow, which also registers what came of a run.

    Args:
        experiment: that the run is part of.
        run: its directory.
        tracking_uri: where to.
        files: folder for the files of an experiment that is made for the run; None: where the server has them.
        registered_model: the name in the registry; None: nothing is registered.
    """

    def __init__(
        self, experiment: str, run: Path, tracking_uri: str, files: Path | None, registered_model: str | None
    ) -> None:
        with _said(begun=False):
            super().__init__(
                experiment,
                run.name,
                tracking_uri,
                tags={"mtl.directory": str(run.resolve())},
                artifact_location=None if files is None else files.as_uri(),
            )
        self.registered_model = registered_model
        self._directory = run

    @property
    @override
    def experiment(self) -> Any:
        """MLflow's client, with a run of its own; one that a killed process has left is ended first."""
        begun = self._initialized
        client = super().experiment
        if self._initialized and not begun:
            end_killed(client, self._directory, str(self._run_id))
        return client

    @cached_property
    def _names(self) -> tuple[Names, Names]:
        return Names(), Names()

    @override
    @rank_zero_only
    def log_hyperparams(self, params: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Tell all parameters, by names that MLflow takes; Lightning would keep 250 letters of their values."""
        from mlflow.entities import Param

        names, _ = self._names
        told = [Param(names.of(key, OTHER_SIGNS.sub("_", key)), str(value)[:VALUE]) for key, value in params.items()]
        with _said(begun=self._initialized):
            for first in range(0, len(told), PARAMETERS):
                self.experiment.log_batch(self.run_id, params=told[first : first + PARAMETERS])

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Tell all metrics; Lightning would take the letters of other languages from their names, and all at once."""
        from mlflow.entities import Metric

        now, (_, names) = int(time.time() * 1000), self._names
        told = [Metric(names.of(key, name_of_metric(key)), value, now, step or 0) for key, value in metrics.items()]
        with _said(begun=self._initialized):
            for first in range(0, len(told), METRICS):
                self.experiment.log_batch(self.run_id, metrics=told[first : first + METRICS])

    @override
    @rank_zero_only
    def finalize(self, status: str = "success") -> None:
        """Tell the end of a training; of one that has failed :meth:`end` tells how."""
        if status != "failed":
            with _said(begun=self._initialized):
                super().finalize(status)

    def end(self, *, interrupted: bool) -> None:
        """Tell that the run has ended before its end."""
        super().finalize("KILLED" if interrupted else "FAILED")

    def register(self, run: Path) -> str | None:
        """Register a finished run.

        Its files become artifacts of MLflow's run, and these a new version of the model, which can be fetched and used
        as any run directory.

        Args:
            run: its directory.

        Returns:
            The version; None where no name was given.

        Raises:
            InputError: the server does not take them.
        """
        if self.registered_model is None:
            return None
        from mlflow.exceptions import MlflowException

        client, number, name = self.experiment, str(self.run_id), self.registered_model
        try:
            for file in (*FILES, *CHECKED):
                if (run / file).is_file():
                    client.log_artifact(number, str(run / file), FOLDER)
            try:
                client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            source = f"{str(client.get_run(number).info.artifact_uri).rstrip('/')}/{FOLDER}"
            return str(client.create_model_version(name, source, number, await_creation_for=0).version)
        except MlflowException as error:
            text = " ".join(str(error).split())[:200]
            raise InputError(
                f"logger.mlflow.registered_model={name}: '{run}' is done and not registered: {text}"
            ) from None


def end_killed(client: Any, directory: Path, number: str) -> None:
    """End what MLflow takes to be running of a run directory, and was killed; take down what runs now.

    Whoever makes a logger of a run holds its lock, so that nothing else trains it. A copy of a directory, whose run may
    be trained where it was, ends nothing.

    Args:
        client: of MLflow.
        directory: of the run.
        number: of MLflow's run that begins.
    """
    file, place = directory / BEGUN, str(directory.resolve())
    with suppress(Exception):  # the server has no such run any more, or is another one
        before = read_json(file) if file.is_file() else {}
        if before.get("directory") == place and client.get_run(before["run"]).info.status == "RUNNING":
            client.set_terminated(before["run"], "KILLED")
    with suppress(OSError):  # the run says it for itself
        write_json(file, {"run": number, "directory": place})


def name_of_metric(key: str) -> str:
    """A metric's name without the signs that MLflow refuses."""
    return "/".join(OTHER_SIGNS.sub("_", part) for part in key.split("/"))


@contextmanager
def _said(*, begun: bool) -> Iterator[None]:
    """Within this, whatever MLflow, its database or its server says is one line.

    Args:
        begun: MLflow knows the run, so that it was no mistake of the config, and the run can be gone on with.

    Raises:
        InputError: it was one.
        ConnectionError: it was none.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        text = f"logger.mlflow: {' '.join(str(error).split())[:300] or type(error).__name__}"
        raise (ConnectionError(text) if begun else InputError(text)) from error
