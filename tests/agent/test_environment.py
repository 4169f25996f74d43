"""What an environment may ask of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from rich.table import Table
from torch import Tensor

from mtl.agent.environment import Environment
from mtl.agent.report import ExecutionReport, Value
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs
from mtl.runs.contributions import Outcome
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


class Given(Nothing):
    """What is given."""

    def __init__(self, **given: Any) -> None:
        self.given = {"records": [], "summary": {}, "outcome": None, **given}

    def records(self) -> Any:
        return self.given["records"]

    def summary(self) -> Any:
        return self.given["summary"]

    def outcome(self) -> Any:
        return self.given["outcome"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"records": [{"a": 1}, {"a": 1, "b": 2}]}, "records: expected all records to have the same columns; record 2"),
        ({"records": [{"a": 1}, 3]}, "records: record 2 is a int: expected a mapping"),
        ({"records": [{"a": torch.ones(1)}]}, "records: 'a' of record 1 is a torch.Tensor: expected a text, a number"),
        ({"records": "a"}, "records: expected a list, found a str"),
        ({"summary": {"a": np.float32(1)}}, "summary: 'a' is a numpy.float32: expected a number by name"),
        ({"summary": [1.0]}, "summary: expected numbers by name, found a list"),
        ({"outcome": np.ones(3)}, "outcome: expected an Outcome or None, found a ndarray"),
        ({"outcome": Outcome("a", True, np.ones((3, 1)), None)}, r"outcome: .*, found an array \(3, 1\) of float64"),
        ({"outcome": Outcome("a", True, np.array([1, np.nan]), None)}, "outcome: 1 of 2 values are no numbers"),
        ({"outcome": Outcome("a", True, np.ones(3), 0.0)}, "outcome: scale=0.0: expected a number above 0, or None"),
    ],
    ids=str,
)
def test_what_an_own_report_gives_is_checked(given: dict[str, Any], said: str) -> None:
    class Own(Environment):
        def run(self, predict: Predict, data: MultiTaskDataModule) -> ExecutionReport:
            return Given(**given)

    with pytest.raises(InputError, match=rf"^Given\.{said}"):
        Own().act(predict, suite("a"))


@pytest.mark.parametrize(
    ("texts", "figures", "said"),
    [
        (
            [("a.txt", 3)],
            [],
            r"Files\.texts: expected pairs of a name and what is in the file, and one is \('a\.txt', 3\)",
        ),
        ([("../a.txt", "a")], [], r"Files\.texts: '\.\./a\.txt': expected the name of a file, without folders"),
        ([], [3], r"Files\.figures: expected pairs of a name and what is in the file, and one is 3"),
        ([], [("a", "b")], r"Files\.figures: 'a' is a str, no figure"),
    ],
    ids=str,
)
def test_files_of_an_own_report_are_checked(texts: list[Any], figures: list[Any], said: str, tmp_path: Path) -> None:
    files = type("Files", (Nothing,), {"texts": lambda self: iter(texts), "figures": lambda self: iter(figures)})
    with pytest.raises(InputError, match=said):
        files().write(tmp_path / "report")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_what_an_own_environment_requires_is_a_mapping() -> None:
    class Own(Recording):
        requires: ClassVar[Any] = ["a"]

    with pytest.raises(InputError, match=r"Own\.requires: expected a mapping from tasks to their kinds.*found \['a'\]"):
        Own().check(suite("a"))
