"""Runs that a test looks into: with callbacks of its own, or gone on with."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from pytorch_lightning import Callback

from mtl.config.compose import configure
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.lifecycle.resume import resumed_config
from mtl.lifecycle.train import train
from mtl.runs.contributions import Contributions
from mtl.runs.directory import Run


def train_with(config: RunConfig, *callbacks: Callback) -> RunResult | None:
    """Train with these callbacks, which no config names: the run has the id and the directory of one without them."""
    with patch("mtl.lifecycle.train.own_callbacks", lambda config: callbacks):
        return train(config)


def resume(run: str | Path, *typed: str) -> RunResult:
    """Go on with a run, as ``python train.py resume=<run> <typed>`` does."""
    asked = configure("progress=false", *typed).model_copy(update={"resume": str(run)})
    result = train(resumed_config(asked, ["progress", *(text.partition("=")[0].split(".")[0] for text in typed)]))
    assert result is not None
    return result


def assert_contributions_are_those_of_the_result(result: RunResult) -> Contributions:
    """The file beside a result can be read, and says of every task what the result says."""
    found = Run.open(result.directory).contributions
    assert list(found.tasks) == list(result.tasks)
    for name, values in found.tasks.items():
        assert len(values) == result.data.rows["test"]
        metric = result.metrics["test"].tasks[name][result.tasks[name].primary]
        assert np.nanmean(values) == pytest.approx(metric, rel=1e-4, abs=1e-5), (
            f"{name}: {np.nanmean(values)} and {metric}"
        )
    return found
