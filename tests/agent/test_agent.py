"""The agent checks, loads what is needed, and acts."""

import pytest
import torch
from torch import Tensor

from mtl.agent.agent import Agent
from mtl.agent.environment import Environment
from mtl.agent.report import ExecutionReport
from mtl.nn.encoder import SINGLE, Inputs
from mtl.suites.base import MultiTaskDataModule, Predict
from tests.support import Rows


class Recording(Environment):
    """Keeps what it is given."""

    def run(self, predict: Predict, data: MultiTaskDataModule) -> ExecutionReport:
        self.predict, self.data, self.loaded = predict, data, bool(data.splits)
        return None  # type: ignore[return-value]


class OnRows(Recording):
    """Acts on test rows."""

    acts_on_test_rows = True


def predict(inputs: Inputs) -> dict[str, Tensor]:
    raise AssertionError("nothing is predicted before the environment asks")


@pytest.mark.parametrize("environment", [Recording(), OnRows()], ids=["none", "rows"])
def test_rows_are_loaded_only_for_who_acts_on_them(environment: Recording) -> None:
    data = Rows({SINGLE: torch.zeros(4, 2)}, {"a": torch.zeros(4)})
    Agent(predict).execute(environment, data)
    assert environment.predict is predict
    assert environment.data is data
    assert environment.loaded == environment.acts_on_test_rows
