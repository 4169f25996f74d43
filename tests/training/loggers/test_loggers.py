"""Loggers beside the dashboard: what they are told, and that they are no part of what a run is."""

from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.logger import DummyLogger

from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.runs.identity import run_id
from mtl.suites.batch import Split
from mtl.suites.synthetic import SyntheticSuite
from mtl.training.loggers import log_hyperparameters, log_outcome, make_loggers
from tests.results import run_result


class Told(DummyLogger):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: dict[str, Any] = {}
        self.metrics: dict[str, float] = {}

    def log_hyperparams(self, params: dict[str, Any]) -> None:  # type: ignore[override]
        self.parameters |= params

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:  # type: ignore[override]
        self.metrics |= metrics


def test_a_logger_is_told_hyper_parameters_and_final_metrics() -> None:
    result, told = run_result("optimizer.lr=0.003"), Told()
    log_hyperparameters([told], result.config)
    log_outcome([told], result, step=7)
    assert told.parameters["optimizer.lr"] == 0.003
    assert told.parameters["choices.model"] == "hard"
    assert told.parameters["tasks"] == "None"
    assert told.metrics["final/test/a/r2"] == 0.5
    assert told.metrics["final/execution/gap"] == 0.1


def test_loggers_are_no_part_of_a_run_and_several_can_be_chosen(tmp_path: Path) -> None:
    one, several = configure("task=synthetic"), configure("task=synthetic", "logger=[csv,tensorboard,wandb]")
    assert run_id(one) == run_id(several)
    assert list(several.logger) == ["tensorboard", "wandb"]
    (table,) = make_loggers(tmp_path, configure("task=synthetic", "logger=csv"))
    assert isinstance(table, CSVLogger)


def test_a_logger_whose_package_is_missing_is_refused_in_one_line(tmp_path: Path) -> None:
    """None of the tests' packages brings Aim."""
    with pytest.raises(InputError, match=r"^logger=aim needs the package aim, .*: pip install aim$"):
        make_loggers(tmp_path, configure("task=synthetic", "logger=aim"))


@pytest.mark.parametrize("model", ["hard", "merged merge=ties", "trees"])
def test_what_a_logger_lacks_is_said_before_rows_are_loaded(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(_: SyntheticSuite) -> dict[str, Split]:
        raise AssertionError("loaded")

    monkeypatch.setattr(SyntheticSuite, "load", loaded)
    config = configure("task=synthetic", *f"model={model}".split(), "logger=[csv,aim]", f"output={tmp_path}")
    with pytest.raises(InputError, match=r"^logger=aim needs the package aim"):
        train(config)
    assert not list(tmp_path.iterdir())
