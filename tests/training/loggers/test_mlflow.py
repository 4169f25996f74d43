"""MLflow: a server of its own with a registry, and what is said where none answers."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import torch
from pytorch_lightning.loggers import MLFlowLogger

from mtl.assembly import load
from mtl.errors import InputError
from mtl.lifecycle.new_run import empty
from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from mtl.training.loggers.mlflow import BEGUN, RunLogger, check_server, end_killed
from tests.support import tiny

needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra mlflow is not installed")
MOST_SECONDS = 180  # until a server answers, on a machine with other work


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server with an empty database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *(
            "--backend-store-uri",
            f"sqlite:///{tmp_path / 'mlflow.db'}",
            "--artifacts-destination",
            str(tmp_path / "files"),
        ),
    ]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
        try:
            for _ in range(MOST_SECONDS):
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                try:
                    urlopen(f"{address}/health", timeout=5).close()
                    break
                except (URLError, OSError):
                    time.sleep(1)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # its workers too
            process.wait()


@needs_mlflow
@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore")  # of MLflow's own code
def test_a_registered_run_can_be_fetched_and_predicts_as_before(tmp_path: Path, server: str) -> None:
    """Hyper-parameters and final metrics are on the server, a second run is a second version."""
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    options = ["model=hard", "weighting=equal", "logger=mlflow", f"logger.mlflow.tracking_uri={server}"]
    config = tiny(tmp_path / "out", *options, "logger.mlflow.registered_model=planted")
    result = train(config)
    assert result is not None
    client = MlflowClient(server)
    (version,) = client.search_model_versions("name='planted'")
    logged = client.get_run(version.run_id).data
    assert logged.params["optimizer.lr"] == str(result.config.optimizer["lr"])
    assert logged.metrics["final/test/score"] == pytest.approx(result.metrics["test"].score)
    fetched = download_artifacts("models:/planted/1", tracking_uri=server, dst_path=str(tmp_path / "fetched"))
    ours, theirs = load(result.directory), load(fetched)
    ours.data.setup("fit")
    inputs = ours.data.splits["test"].inputs
    for task, values in ours.module.predict(inputs).items():
        torch.testing.assert_close(theirs.module.predict(inputs)[task], values, atol=0, rtol=0)
    train(config.changed(seed=1))
    assert [int(one.version) for one in client.search_model_versions("name='planted'")] == [2, 1]


def test_a_server_that_does_not_answer_is_said_in_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(InputError) as error:
            check_server(address)
        assert str(error.value).startswith(f"logger.mlflow.tracking_uri={address}: no server answers there (")
        with pytest.raises(InputError) as error:
            check_server(address.replace("//", "//me:geheim@"))
        assert str(error.value).startswith(f"logger.mlflow.tracking_uri={address}: no server answers there (")
    with pytest.raises(InputError, match="is no address of a server"):
        check_server("http://[::1")
    check_server("sqlite:///mlflow.db")  # no server


class Client:
    """Takes what MLflow's takes, and refuses one name."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []

    def log_batch(self, run_id: str, **told: list[SimpleNamespace]) -> None:
        (what,) = told.values()
        if any(one.args[0] == "refused" for one in what):
            raise ValueError("the server says\nno")
        self.batches.append({one.args[0]: one.args[1] for one in what})


def test_what_mlflow_is_told_has_its_names_and_fits_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning takes letters beyond ASCII from the names of metrics, so that two tasks were one."""

    def entity(*values: object) -> SimpleNamespace:
        return SimpleNamespace(args=values)

    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
    monkeypatch.setitem(sys.modules, "mlflow.entities", SimpleNamespace(Param=entity, Metric=entity))
    client = Client()
    logger = RunLogger.__new__(RunLogger)
    monkeypatch.setattr(RunLogger, "_initialized", False, raising=False)
    monkeypatch.setattr(RunLogger, "experiment", client)
    monkeypatch.setattr(RunLogger, "run_id", "7")
    logger.log_metrics({"val/流失/loss": 1.0, "val/收入/loss": 2.0, "a(b)/c": 3.0}, step=1)
    assert client.batches.pop() == {"val/流失/loss": 1.0, "val/收入/loss": 2.0, "a_b_/c": 3.0}
    for order in (("f1@5", "f1#5", "f1_5"), ("f1_5", "f1#5", "f1@5")):  # each has one name, whatever comes with it
        logger.log_metrics({key: float(place) for place, key in enumerate(order)})
    named = [{value: name for name, value in batch.items()} for batch in client.batches]
    assert len(named[0]) == len(named[1]) == 3
    assert [named[0][float(place)] for place in range(3)] == [named[1][float(2 - place)] for place in range(3)]
    logger.log_metrics({"x" * 250 + end: 0.0 for end in ("a", "b")})
    assert [len(name) for name in client.batches[-1]] == [250, 250]
    client.batches.clear()
    logger.log_metrics({f"m{number}": 0.0 for number in range(2100)})
    assert [len(batch) for batch in client.batches] == [1000, 1000, 100]
    client.batches.clear()
    logger.log_hyperparams({"task.columns.a//b": "number", "task.query": "x" * 300, **dict.fromkeys("abc", 1)})
    assert client.batches == [{"task.columns.a__b": "number", "task.query": "x" * 300, "a": "1", "b": "1", "c": "1"}]
    client.batches.clear()
    logger.log_hyperparams({"task.columns.a#b": 1, "task.columns.a@b": 2})  # MLflow takes one value of each
    assert sorted(client.batches[0].values()) == ["1", "2"]
    with pytest.raises(InputError, match=r"^logger\.mlflow: the server says no$"):
        logger.log_metrics({"refused": 1.0})
    monkeypatch.setattr(RunLogger, "_initialized", True)
    with pytest.raises(ConnectionError, match=r"^logger\.mlflow: the server says no$"):  # the run can be gone on with
        logger.log_metrics({"refused": 1.0})


class Tracked:
    """MLflow's client as far as the state of runs goes."""

    def __init__(self) -> None:
        self.states = {"1": "RUNNING", "2": "RUNNING"}

    def get_run(self, number: str) -> SimpleNamespace:
        return SimpleNamespace(info=SimpleNamespace(status=self.states[number]))

    def set_terminated(self, number: str, status: str) -> None:
        self.states[number] = status


def test_what_a_killed_process_has_left_running_is_ended_when_the_run_is_gone_on_with(tmp_path: Path) -> None:
    client, run = Tracked(), tmp_path / "run"
    run.mkdir()
    end_killed(client, run, "1")
    assert client.states == {"1": "RUNNING", "2": "RUNNING"}
    end_killed(client, run, "2")
    assert client.states == {"1": "KILLED", "2": "RUNNING"}
    copy = shutil.copytree(run, tmp_path / "copy")
    end_killed(client, copy, "3")  # the run of before may be trained where it was
    end_killed(client, copy, "4")  # the server has no run 3
    assert client.states == {"1": "KILLED", "2": "RUNNING"}
    client.states["2"] = "FINISHED"
    end_killed(client, run, "5")
    assert client.states["2"] == "FINISHED"
    (run / BEGUN).write_text("damaged")
    end_killed(client, run, "6")
    assert json.loads((run / BEGUN).read_text())["run"] == "6"


def test_a_logger_ends_what_was_killed_once_its_own_run_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Tracked()

    def begin(logger: MLFlowLogger) -> Tracked:
        logger._initialized, logger._run_id = True, "2"
        return client

    monkeypatch.setattr(MLFlowLogger, "experiment", property(begin))
    (tmp_path / BEGUN).write_text(json.dumps({"run": "1", "directory": str(tmp_path.resolve())}))
    logger = RunLogger.__new__(RunLogger)
    logger._initialized, logger._directory = False, tmp_path
    for _ in range(2):
        assert logger.experiment is client
        assert client.states == {"1": "KILLED", "2": "RUNNING"}
    assert json.loads((tmp_path / BEGUN).read_text())["run"] == "2"


def test_the_number_of_a_run_that_begins_anew_stays_in_its_directory(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for name in (BEGUN, "config.yaml", "state"):
        (tmp_path / name).write_text("{}")
    empty(run)
    assert [path.name for path in tmp_path.iterdir()] == [BEGUN]
