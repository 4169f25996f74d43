"""Runs of boosted trees: what they leave, what they do afterwards, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_lightning import Callback
from scipy.stats import mannwhitneyu

from mtl.agent.labelled_rows import predict_test_rows
from mtl.assembly import build, trees_of
from mtl.cli.run_summary import metrics_table
from mtl.comparison.records import record
from mtl.config.compose import configure
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.lifecycle.agent import Agent
from mtl.lifecycle.execution import execute
from mtl.lifecycle.train import train
from mtl.lifecycle.trained import load_trained
from mtl.runs.directory import Run
from mtl.runs.identity import run_id
from tests.support import TINY, tiny

QUICK = ("model=trees", "model.num_iterations=20", "model.early_stopping_round=5")


def people(rows: int = 300) -> pd.DataFrame:
    """Numbers and a category, some missing, and targets of each kind that follow from them."""
    draw = np.random.default_rng(0)
    age, city = draw.normal(40, 12, rows), draw.choice(["Bern", "Graz", "Lyon"], rows)
    frame = pd.DataFrame({"age": age, "noise": draw.normal(size=rows), "city": city})
    frame["buys"] = np.where(age + draw.normal(0, 3, rows) > 40, "yes", "no")
    frame["spend"] = 100 + age * (city == "Bern")
    frame["kind"] = np.where(city == "Lyon", "a", np.where(age > 40, "b", "c"))
    frame.loc[draw.random(rows) < 0.1, ["noise", "city"]] = None
    frame.loc[draw.random(rows) < 0.2, "kind"] = None
    return frame


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "people.csv"
    people().to_csv(path, index=False)
    return path


def asked(table: Path, output: Path, *overrides: str) -> Any:
    targets = "task.targets={buys: binary, spend: regression, kind: classes}"
    return configure("task=table", f"task.path={table}", targets, f"output={output}", "progress=false", *overrides)


@pytest.fixture(scope="module")
def result(table: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    found = train(asked(table, tmp_path_factory.mktemp("outputs"), *QUICK))
    assert found is not None
    return found


def test_a_run_leaves_what_every_run_leaves(result: RunResult) -> None:
    run = Run.open(result.directory)
    assert run.state == "done"
    assert run.config == result.config
    assert run.result == result
    assert result.run_id == run_id(result.config) == run.id
    assert {path.name for path in run.path.iterdir()} == {
        *("config.yaml", "state", "statistics.json", "trees.json", "tensorboard", "csv", "contributions.npz"),
        *("result.json", "checksums.json", "fingerprint"),
    }
    found = record(run.path)
    assert (found.model, found.suite, found.seed) == ("trees", "table", 0)
    with pytest.raises(InputError, match="has boosted trees: only networks are improved by acting"):
        Agent(run=result.directory).improve()


def test_results_of_trees_say_what_they_mean(result: RunResult) -> None:
    """Nodes are what was learned, iterations are epochs, trees share nothing."""
    forest = load_trained(Run.open(result.directory)).forest  # type: ignore[attr-defined]
    assert result.parameters.private == forest.nodes()
    assert result.parameters.total == sum(forest.nodes().values())
    assert result.parameters.shared == 0
    assert result.flops is None
    assert result.selection.by_task.keys() == result.tasks.keys()
    assert result.selection.epoch == max(result.selection.by_task.values()) < result.epochs <= 20
    assert result.epochs <= result.steps <= 3 * result.epochs
    assert result.seconds.fit > 0
    assert result.environment["lightgbm"]


def test_the_data_are_those_of_a_network(result: RunResult, table: Path, tmp_path: Path) -> None:
    network = train(asked(table, tmp_path, "model=single_task", "epochs=1", "encoder.widths=[4]", "batch_size=64"))
    assert network is not None
    assert result.data == network.data
    assert result.tasks == network.tasks
    for split, found in network.metrics.items():
        assert {name: set(values) for name, values in found.tasks.items()} == {
            name: set(values) for name, values in result.metrics[split].tasks.items()
        }


def test_metrics_are_those_of_an_independent_reference(result: RunResult) -> None:
    """On the predictions of the written trees, for the labelled test rows of each task alone."""
    trained = load_trained(Run.open(result.directory))
    trained.data.setup("test")
    found = result.metrics["test"].tasks
    rows = {name: predict_test_rows(trained.predict, trained.data, [name]) for name in result.tasks}
    predicted = {name: one.predicted[name].double().numpy() for name, one in rows.items()}
    true = {name: one.true[name].double().numpy() for name, one in rows.items()}
    yes = true["buys"] == 1
    order = mannwhitneyu(predicted["buys"][yes], predicted["buys"][~yes]).statistic
    assert found["buys"]["auroc"] == pytest.approx(order / yes.sum() / (~yes).sum(), rel=1e-5)
    error = predicted["spend"] - true["spend"]
    assert found["spend"]["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert found["spend"]["r2"] == pytest.approx(1 - error.var() / true["spend"].var(), abs=0.01)
    assert found["kind"]["accuracy"] == pytest.approx((predicted["kind"].argmax(1) == true["kind"]).mean())
    assert len(true["kind"]) < len(true["buys"])
    probability = predicted["kind"][np.arange(len(true["kind"])), true["kind"].astype(int)]
    assert found["kind"]["loss"] == pytest.approx(-np.log(probability).mean(), rel=1e-4)


def test_the_same_seed_gives_the_same_numbers(
    result: RunResult, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed counts iterations from 1, as that of networks counts epochs."""
    again, other = (train(asked(table, tmp_path, *QUICK, f"seed={seed}", "progress=true")) for seed in (0, 1))
    said = capsys.readouterr().err
    assert again is not None
    assert other is not None
    assert again.metrics == result.metrics
    assert other.metrics != result.metrics
    best = again.selection.by_task
    assert all(f"{name}: lowest validation loss " in said for name in best)
    assert all(f" in iteration {epoch + 1} of " in said for epoch in best.values())
    assert (
        metrics_table(again).caption
        == "best iteration of "
        + ", ".join(f"{name} {epoch + 1}" for name, epoch in best.items())
        + " by val/loss (min)"
    )


def test_new_rows_are_predicted(result: RunResult, table: Path, tmp_path: Path) -> None:
    """From the run's directory alone, with categories that it has not seen."""
    new = people(40).drop(columns=["buys", "spend", "kind"])
    new.loc[0, "city"] = "Rome"
    new.to_csv(tmp_path / "new.csv", index=False)
    report, directory = execute(None, result.directory, records=str(tmp_path / "new.csv"))
    assert len(report.records()) == 40
    written = pd.read_csv(directory / "predictions.csv")
    known = new["city"].notna()
    assert np.corrcoef(written["spend"][known], (new["age"] * (new["city"] == "Bern"))[known])[0, 1] > 0.8
    assert set(written["buys"]) == {"yes", "no"}


@pytest.mark.smoke
def test_trees_act(tmp_path: Path) -> None:
    """In an environment of the test rows, after training and from the directory, to the same end."""
    draw = np.random.default_rng(0)
    income = draw.normal(size=400)
    frame = pd.DataFrame({"income": income, "default": income + draw.normal(size=400) < -0.5})
    frame["log_amount"] = 5 + income + 0.1 * draw.normal(size=400)
    frame.to_csv(tmp_path / "loans.csv", index=False)
    targets = "task.targets={default: binary, log_amount: regression}"
    place = (f"task.path={tmp_path / 'loans.csv'}", targets, f"output={tmp_path}", "progress=false")
    found = train(configure("task=table", *place, *QUICK, "execution=lending"))
    assert found is not None
    assert found.execution is not None
    assert found.execution["applications"] == 60
    report, _ = execute(None, found.directory)
    assert report.summary() == found.execution


def test_a_damaged_run_is_one_line(result: RunResult) -> None:
    run = Run.open(result.directory)
    whole = run.trees.read_text()
    try:
        run.trees.write_text(json.dumps({"buys": {"sha256": "0", "trees": "tree"}}))
        with pytest.raises(InputError, match="'buys' are not those that were written"):
            load_trained(run)
    finally:
        run.trees.write_text(whole)


class Own(Callback):
    """Does nothing."""


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["grouping=[[task0,task1],[task2]]"], "'grouping' is for networks"),
        (["grouping=auto"], "'grouping' is for networks"),
        (["relations.depends_on={task1: [task0]}"], "'relations' is for networks"),
        (["+callbacks.own._target_=tests.Own", "trust=[tests]"], "'callbacks' is for networks"),
        (["hardware=ddp_cpu"], "'hardware' is for networks"),
        (["model.num_leaves=1"], "model.num_leaves=1: expected a whole number, 2 or more"),
        (["execution=lending"], "cannot act in Lending"),
    ],
)
def test_what_only_networks_can_do_is_refused(given: list[str], says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        train(tiny(tmp_path, *QUICK, *given))
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_has_nothing_to_resume(result: RunResult) -> None:
    with pytest.raises(InputError, match="'resume' is for networks"):
        train(result.config.changed(resume=result.directory))


def test_a_run_that_cannot_learn_leaves_nothing(tmp_path: Path) -> None:
    """A task without a validation label is found when boosting begins."""
    frame = people(300)
    frame["late"] = np.nan
    frame.loc[:149, "late"] = np.arange(150)
    frame["when"] = np.arange(300)
    frame.to_parquet(tmp_path / "people.parquet")
    place = (
        f"task.path={tmp_path / 'people.parquet'}",
        "task.targets={late: regression}",
        f"output={tmp_path / 'out'}",
    )
    with pytest.raises(InputError, match="target 'late' has 0 labels in the val split"):
        train(configure("task=table", *place, *QUICK, "task.split={by: time, column: when}", "progress=false"))
    assert not (tmp_path / "out").exists()


def test_what_needs_a_network_refuses_trees() -> None:
    config = configure(*TINY, *QUICK)
    assert trees_of(config) is not None
    assert trees_of(configure(*TINY, "model=hard")) is None
    with pytest.raises(InputError, match="model=trees has no network"):
        build(config)


def test_part_of_the_tasks_can_be_learned(tmp_path: Path) -> None:
    found = train(tiny(tmp_path, *QUICK, "tasks=[task1]", "task.kinds=mixed", "task.missing=0.3"))
    assert found is not None
    assert list(found.tasks) == list(found.selection.by_task) == ["task1"]
    assert torch.tensor(list(found.metrics["test"].flat().values())).isfinite().all()
