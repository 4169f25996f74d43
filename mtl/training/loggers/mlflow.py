"""MLflow, with its registry: the directory of a finished run can become a version of a registered model."""

from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from pytorch_lightning.loggers import MLFlowLogger

from mtl.errors import InputError

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
CHECKED = ("checksums.json", "state")


def check_server(tracking_uri: str) -> None:
    """Raise InputError where nobody answers at the address of a server: MLflow itself tries for minutes."""
    if not tracking_uri.startswith(("http://", "https://")):
        return
    try:
        urlopen(tracking_uri, timeout=SECONDS).close()
    except HTTPError:  # an answer
        return
    except (OSError, ValueError) as error:
        raise InputError(f"logger.mlflow.tracking_uri={tracking_uri}: no server answers there ({error})") from None


class RunLogger(MLFlowLogger):
    """Lightning's logger for MLflow, which also registers what came of a run.

    Args:
        experiment: that the run is part of.
        run: its directory.
        tracking_uri: where to.
        save_dir: for files, where ``tracking_uri`` is a local database.
        registered_model: the name in the registry; None: nothing is registered.
    """

    def __init__(
        self, experiment: str, run: Path, tracking_uri: str, save_dir: str, registered_model: str | None
    ) -> None:
        super().__init__(
            experiment, run.name, tracking_uri, tags={"mtl.directory": str(run.resolve())}, save_dir=save_dir
        )
        self.registered_model = registered_model

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
