"""Environments that act on rows of a suite act on the test rows of the run, whatever its seed and its tasks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf

from mtl.assembly import load
from mtl.config.compose import configure
from mtl.config.folders import CONF, option_names
from mtl.errors import InputError
from mtl.lifecycle.execution import execute
from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from mtl.suites.sources import catalogue
from tests.suites import standins
from tests.suites.sources.recording import recorded
from tests.trained import assert_contributions_are_those_of_the_result

TINY = ["encoder.widths=[4]", "epochs=1", "batch_size=16", "model=hard", "weighting=equal"]
COLUMNS = ["task.form=columns", "encoder=tabular"]


@pytest.fixture
def unique(published: dict[str, bytes]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Applications and checks in which every sum and every duration stands once, so that a row is known by it."""
    applications, checks = standins.credit(), standins.checks()
    draw = np.random.default_rng(0)
    applications["Amount"] = 200 + draw.permutation(len(applications))
    checks["check_time"] = 5.0 + draw.permutation(len(checks))
    published[catalogue.CREDIT.name] = recorded(applications)
    published[catalogue.CHECK_TIMES.name] = recorded(checks)
    return applications, checks


def trained(output: Path, *overrides: str) -> Path:
    """The directory of a short run."""
    result = train(configure(*overrides, *TINY, "progress=false", "threads=1", f"output={output}"))
    return Path(result.directory)


def records_of(run: Path) -> list[dict[str, Any]]:
    """What the run did when it was trained, which is what it does when it is loaded."""
    found: list[dict[str, Any]] = json.loads((run / "execution" / "execution.json").read_text())["records"]
    report, _ = execute(None, str(run))
    assert report.records() == found
    kept = assert_contributions_are_those_of_the_result(Run.open(run).result).outcome
    outcome = report.outcome()
    assert kept is not None
    assert outcome is not None
    np.testing.assert_array_equal(kept.values, outcome.values)
    assert (kept.name, kept.higher_is_better, kept.scale) == (outcome.name, outcome.higher_is_better, outcome.scale)
    return found


def test_environments_say_whether_they_act_on_test_rows() -> None:
    """A new environment that does so belongs among the tests of this file."""
    nodes = {name: OmegaConf.load(CONF / "execution" / f"{name}.yaml") for name in option_names("execution")}
    classes: dict[str, Any] = {name: get_class(node["_target_"]) for name, node in nodes.items() if "_target_" in node}
    assert {name for name, one in classes.items() if one.acts_on_test_rows} == {
        "lending",
        "estimates",
        "alerts",
        "routing",
    }


def rows_of_the_test(suite: Any) -> pd.DataFrame:
    """The rows that the suite keeps for the test, as they stand in its table."""
    rows: pd.DataFrame = suite.frame.iloc[suite.splitting.rows(suite.frame)["test"]]
    return rows


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("seed", "given"), [(0, ["tasks=[log_amount,default]"]), (1, COLUMNS)], ids=["tasks", "columns"]
)
def test_lending_decides_on_the_test_rows_of_the_run(
    unique: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path, seed: int, given: list[str]
) -> None:
    run = trained(tmp_path, "task=credit", f"task.seed={seed}", "execution=lending", *given)
    found = records_of(run)

    assembly = load(run)
    rows = rows_of_the_test(assembly.data)
    amount, bad = np.exp(rows["log_amount"].to_numpy()), (rows["Status"] == "bad").to_numpy()
    np.testing.assert_allclose([one["profit"] for one in found], amount * np.where(bad, -0.5, 0.2) - 20, rtol=1e-4)
    raw = assembly.module.predict(assembly.data.inputs(rows))
    value = {task.name: task.decode(raw[task.name]).numpy() for task in assembly.data.tasks}
    expected = np.exp(value["log_amount"]) * (0.2 * (1 - value["default"]) - 0.5 * value["default"]) - 20
    np.testing.assert_allclose([one["expected"] for one in found], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.smoke
@pytest.mark.parametrize(("seed", "given"), [(0, ["tasks=[log_seconds]"]), (1, COLUMNS)], ids=["tasks", "columns"])
def test_operations_are_test_rows_of_the_run(
    unique: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path, seed: int, given: list[str]
) -> None:
    """Shops of one operation, so that the executed makespan is the duration of one row."""
    option_names = ["execution.instances=60", "execution.size=[1,1]", "execution.planners=[spt]"]
    run = trained(tmp_path, "task=jobs", f"task.seed={seed}", "execution=estimates", *option_names, *given)
    found = records_of(run)

    rows = rows_of_the_test(load(run).data).dropna(subset="log_seconds")
    seconds = {round(value) for value in np.exp(rows["log_seconds"])}
    assert len(seconds) == len(rows) == 30
    executed = {one["executed"] for one in found}
    assert executed <= seconds
    assert len(executed) > 20, "of 60 draws"


@pytest.mark.smoke
def test_an_environment_acts_on_a_persons_table_too(unique: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    """In memory or streamed; rows that lack one of the labels are left out; a table that has changed is refused."""
    frame = unique[0].assign(default=lambda rows: rows["Status"], log_amount=lambda rows: np.log(rows["Amount"]))
    frame = frame.drop(columns=["Status", "rownames", "Amount"])
    frame.loc[::7, "log_amount"] = np.nan
    path = tmp_path / "mine.parquet"
    frame.to_parquet(path)
    targets = "task.targets={default: {column: default, kind: binary, positive: bad}, log_amount: regression}"
    for stream in ("false", "true"):
        option_names = ["task=table", f"task.path={path}", targets, f"task.stream={stream}", "execution=lending"]
        run = trained(tmp_path, *option_names)
        data = load(run).data
        data.setup("test")
        labels = data.splits["test"].targets
        known = ~labels["log_amount"].isnan()
        assert 0 < known.sum() < len(known)
        report, _ = execute(None, str(run))
        amount, bad = labels["log_amount"][known].exp(), labels["default"][known]
        profit = torch.tensor([float(one["profit"]) for one in report.records()])  # type: ignore[arg-type]
        torch.testing.assert_close(profit, amount * (0.2 - 0.7 * bad) - 20)
        assert all(np.isfinite(list(report.summary().values())))
        runs = run
    frame.iloc[::-1].to_parquet(path)
    with pytest.raises(InputError, match="has changed since the training") as error:
        execute(None, str(runs))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["task=credit", "tasks=[default]", "execution=lending"], "Lending: that takes task 'log_amount', .* default;"),
        (["task=credit", "execution=estimates"], "EstimatedShops: that takes task 'log_seconds'"),
        (["task=credit", "execution=scheduling"], "JobShops: that takes task 'assignment'"),
        (["task=scheduling", "execution=lending"], "Lending: that takes task 'default'"),
        (["task=scheduling", "tasks=[makespan]"], "JobShops: that takes task 'assignment', .* makespan;"),
        (["task=jobs", "tasks=[duration]", "execution=estimates"], "EstimatedShops: that takes task 'log_seconds'"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("published")
def test_a_run_that_cannot_act_is_refused_before_it_begins(tmp_path: Path, overrides: list[str], says: str) -> None:
    with pytest.raises(InputError, match=f"cannot act in {says}.*execution=none trains without acting") as error:
        train(configure(*overrides, "progress=false", f"output={tmp_path}"))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        ("{default: binary}", "takes task 'log_amount'"),
        ("{default: binary, log_amount: classes}", "takes task 'log_amount' of kind regression, .* of kind classes"),
        ("{default: classes, log_amount: regression}", "takes task 'default' of kind binary, .* of kind classes"),
    ],
    ids=["missing", "amount", "default"],
)
def test_a_target_of_the_same_name_has_to_be_of_the_same_kind(tmp_path: Path, targets: str, says: str) -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.random(80), "default": draw.choice(["no", "yes"], 80)})
    frame.assign(log_amount=draw.integers(1, 4, 80)).to_csv(tmp_path / "my.csv", index=False)
    option_names = ["task=table", f"task.path={tmp_path / 'my.csv'}", f"task.targets={targets}", "execution=lending"]
    with pytest.raises(InputError, match=f"cannot act in Lending: that {says}"):
        train(configure(*option_names, *TINY, "progress=false", f"output={tmp_path / 'outputs'}"))
    assert not (tmp_path / "outputs").exists()
