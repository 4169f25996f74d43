"""What an environment may ask of a run."""

from collections.abc import Mapping
from typing import ClassVar

import pytest
import torch
from rich.table import Table
from torch import Tensor

from mtl.agent.environment import Environment
from mtl.agent.report import ExecutionReport, Value
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.table import TableSuite
from mtl.tasks import regression
from tests.support import Rows


class Nothing(ExecutionReport):
    """Nothing came of it."""

    def records(self) -> list[dict[str, Value]]:
        return []

    def summary(self) -> dict[str, float]:
        return {}

    def table(self) -> Table:
        return Table()


class Needing(Environment):
    """Needs one task."""

    requires: ClassVar[Mapping[str, str]] = {"a": "regression"}

    def run(self, predict: Predict, data: MultiTaskDataModule) -> ExecutionReport:
        raise NotImplementedError


class OnTables(Needing):
    """Acts with runs on tables."""

    suite = TableSuite


def suite(*names: str) -> Rows:
    return Rows(
        {SINGLE: torch.zeros(4, 2)}, {name: torch.zeros(4) for name in names}, [regression(name) for name in names]
    )


@pytest.mark.parametrize(
    ("environment", "data", "says"),
    [
        (Needing(), suite("b", "c"), "cannot act in Needing: that takes task 'a', and the run is trained on b, c"),
        (OnTables(), suite("a"), "cannot act in OnTables: that takes a run on TableSuite, and this one is on Rows"),
    ],
    ids=["task", "suite"],
)
def test_a_run_that_lacks_something_is_refused(environment: Environment, data: Rows, says: str) -> None:
    with pytest.raises(InputError) as error:
        environment.check(data)
    assert str(error.value) == f"this run {says}"
    assert not data.splits


def test_a_run_that_has_everything_may_act() -> None:
    Needing().check(suite("b", "a"))


class Recording(Environment):
    """Keeps what it is given."""

    def run(self, predict: Predict, data: MultiTaskDataModule) -> ExecutionReport:
        self.predict, self.data, self.loaded = predict, data, bool(data.splits)
        return Nothing()


class OnRows(Recording):
    """Acts on test rows."""

    acts_on_test_rows = True


def predict(inputs: Inputs) -> dict[str, Tensor]:
    raise AssertionError("nothing is predicted before the environment asks")


@pytest.mark.parametrize("environment", [Recording(), OnRows()], ids=["none", "rows"])
def test_rows_are_loaded_only_for_who_acts_on_them(environment: Recording) -> None:
    data = suite("a")
    environment.act(predict, data)
    assert environment.predict is predict
    assert environment.data is data
    assert environment.loaded == environment.acts_on_test_rows


def test_what_an_environment_gives_is_checked() -> None:
    class Own(Environment):
        def run(self, predict: Predict, data: MultiTaskDataModule) -> ExecutionReport:
            return None  # type: ignore[return-value]

    with pytest.raises(InputError, match=r"Own\.run: expected an ExecutionReport, and got a NoneType"):
        Own().act(lambda inputs: {}, suite("a"))
