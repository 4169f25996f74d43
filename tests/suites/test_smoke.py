"""Every suite trains with sharing of two kinds and weightings of two kinds, on stand-ins of its data.

Of what a suite gives, sharing sees the inputs and weighting the labels, so that each kind of either is tried once.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mtl.assembly import load
from mtl.config.compose import configure
from mtl.config.folders import CONF
from mtl.errors import InputError
from mtl.lifecycle.train import train
from tests.trained import assert_contributions_are_those_of_the_result

# What makes each suite small; those that read files get them from the test
SMALL: dict[str, list[str]] = {
    "census": [],
    "claims": ["task.conditional=true"],
    "credit": [],
    "digits": ["task.digits=optical", "task.rows=60"],
    "flights": [],
    "jobs": [],
    "reviews": ["task.vocabulary=40"],
    "scenes": ["task.digits=optical", "task.rows=60", "encoder.patch=8"],  # one stage: cells of 8 pixels at once
    "synthetic": ["task.rows=100", "task.kinds=mixed", "task.missing=0.2"],
    "table": [],
    "tables": [],
}
TREES = ["model=trees", "model.num_iterations=5", "model.min_data_in_leaf=5"]
OTHER_INPUTS = {"digits", "scenes"}  # pictures; counts of words are columns of numbers


def config(task: str, folder: Path, *overrides: str) -> dict[str, Any]:
    """The resolved config of a run of a few steps."""
    given = [
        f"task={task}",
        "epochs=1",
        "batch_size=16",
        "progress=false",
        "threads=1",
        f"output={folder}",
        "execution=none",
    ]
    return configure(*given, *SMALL[task], *files(task, folder), *overrides)


def files(task: str, folder: Path) -> list[str]:
    """Tables for the suites that read some."""
    if task not in ("table", "tables"):
        return []
    draw = np.random.default_rng(0)
    x = draw.normal(size=80)
    frame = pd.DataFrame(
        {"x": x, "city": draw.choice(["a", "b"], 80), "churn": x > 0, "type": draw.choice(["s", "m", "l"], 80)}
    )
    frame.to_csv(folder / "my.csv", index=False)
    if task == "table":
        return [f"task.path={folder / 'my.csv'}", "task.targets={churn: binary, x: regression, type: classes}"]
    parts = [f"{{path: {folder / 'my.csv'}, targets: {{{target}}}}}" for target in ("churn: binary", "type: classes")]
    return [f"task.tables={{a: {parts[0]}, b: {parts[1]}}}", "task.sampling.joint=false"]


def test_every_suite_is_tried() -> None:
    """All but scheduling, which has a folder of tests."""
    assert set(SMALL) == {path.stem for path in (CONF / "task").glob("*.yaml")} - {"scheduling"}


@pytest.mark.smoke
@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(("model", "weighting"), [("hard", "gradnorm"), ("gated", "uncertainty")])
@pytest.mark.parametrize("task", sorted(SMALL))
def test_suites_train(task: str, model: str, weighting: str, tmp_path: Path) -> None:
    small = ["encoder.widths=[8]"]
    result = train(config(task, tmp_path, f"model={model}", f"weighting={weighting}", *small))
    assert result.status == "done"
    for split in ("train", "val", "test"):
        for name, entry in result.tasks.items():
            assert np.isfinite(result.metrics[split].tasks[name][entry.primary])
    assert_contributions_are_those_of_the_result(result)


@pytest.mark.smoke
@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("credit", ["task.form=columns", "encoder=tabular", "encoder.widths=[8]"]),
        ("credit", ["task.form=columns", "task.numbers=quantile", "encoder=tabm", "encoder.members=2"]),
        ("jobs", ["task.form=columns", "encoder=tabular", "encoder.widths=[8]", "task.sampling.policy=uniform"]),
        ("digits", ["encoder=convolution", "encoder.widths=[8]"]),
    ],
)
def test_suites_suit_encoders_of_their_kind(task: str, options: list[str], tmp_path: Path) -> None:
    assert train(config(task, tmp_path, "model=hard", *options)).status == "done"


@pytest.mark.smoke
@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("task", sorted(SMALL))
def test_trees_train_where_inputs_are_columns(task: str, tmp_path: Path) -> None:
    """Other inputs are refused in one line, and leave nothing."""
    chosen = config(task, tmp_path, *TREES).changed(output=str(tmp_path / "outputs"))
    if task in OTHER_INPUTS:
        with pytest.raises(InputError, match="are no columns of a table but x"):
            train(chosen)
        assert not (tmp_path / "outputs").exists()
        return
    result = train(chosen)
    for name, entry in result.tasks.items():
        assert np.isfinite(result.metrics["test"].tasks[name][entry.primary])


@pytest.mark.smoke
@pytest.mark.usefixtures("published")
def test_trees_do_not_see_the_form_of_a_networks_inputs(tmp_path: Path) -> None:
    flat, columns = (train(config("jobs", tmp_path, *TREES, f"task.form={form}")) for form in ("flat", "columns"))
    assert flat.metrics == columns.metrics


@pytest.mark.smoke
@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("task", ["credit", "table", "reviews"])
def test_a_run_is_loaded_without_its_data(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fitted on the training rows is written beside the checkpoint, and predictions repeat it."""
    train(config(task, tmp_path, "model=hard", "encoder.widths=[8]"))
    (run,) = tmp_path.glob("runs/*/*/*")
    first = load(run)
    data: Any = first.data
    new = pd.DataFrame({"text": ["I love it", None]}) if task == "reviews" else data.frame.head(5)
    expected = data.inputs(new)
    (tmp_path / "my.csv").unlink(missing_ok=True)
    monkeypatch.setattr("mtl.suites.sources.archive.Archive.read", lambda self, name: pytest.fail("data is read"))
    again: Any = load(run)
    assert again.data.input_shape == data.input_shape
    assert all(again.data.inputs(new)[name].equal(values) for name, values in expected.items())
    prediction = again.module.predict(again.data.inputs(new))
    assert all(value.isfinite().all() for value in prediction.values())
