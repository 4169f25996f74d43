"""What a run prints as the next step works: of every suite, in every environment in which a run of it can act."""

import shlex
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mtl.assembly import build_suite
from mtl.cli.application import command
from mtl.cli.run_summary import next_commands
from mtl.config.compose import configure
from mtl.config.folders import option_names
from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.lifecycle.execution import environment_for
from mtl.lifecycle.train import train

ENVIRONMENTS = [name for name in option_names("execution") if name != "none"]
ACTING = {
    ("scheduling", "scheduling"),
    ("scheduling", "shop_floor"),
    ("credit", "lending"),
    ("flights", "alerts"),
    ("reviews", "routing"),
    ("jobs", "estimates"),
    ("table", "lending"),
    ("table", "estimates"),
    ("tables", "lending"),
    ("tables", "estimates"),
}
SMALL = {
    "scheduling": [
        *(f"task.{key}=1" for key in ("instances", "validation", "rollout_instances", "workers")),
        *("task.jobs=[3,3]", "task.machines=[3,3]", "task.rollout_size=[3,3]", "task.test=[ft06]"),
        *("task.limit=0.1", "task.rollout_limit=0.1", "encoder.width=8", "encoder.heads=2", "improve=none"),
    ],
    "digits": ["task.digits=optical", "task.rows=60"],
    "scenes": ["task.digits=optical", "task.rows=60"],
    "reviews": ["task.vocabulary=40"],
}
QUICK = {
    "scheduling": ["execution.instances=[ft06]", "execution.baselines=[spt]", "execution.gantt=none"],
    "shop_floor": [
        *("execution.instances=[ft06]", "execution.episodes=2", "execution.seconds=0", "execution.baselines=[]"),
        *("execution.disturbances.breakdowns=0.1", "execution.disturbances.late=0", "execution.gantt=false"),
    ],
    "estimates": ["execution.instances=1", "execution.size=[2,2]", "execution.planners=[spt]"],
    "routing": ["execution.messages=8"],  # of the few test reviews
}


def files(task: str, folder: Path) -> list[str]:
    """A table with the targets of every environment that acts on rows."""
    if task not in ("table", "tables"):
        return []
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=120), "default": draw.choice(["no", "yes"], 120)})
    frame = frame.assign(log_amount=draw.normal(7, 1, 120), log_seconds=draw.normal(4, 1, 120))
    frame.to_csv(folder / "my.csv", index=False)
    targets = "{default: binary, log_amount: regression, log_seconds: regression}"
    if task == "table":
        return [f"task.path={folder / 'my.csv'}", f"task.targets={targets}"]
    return [f"task.tables={{one: {{path: {folder / 'my.csv'}, targets: {targets}}}}}"]


def config(task: str, environment: str, folder: Path) -> RunConfig:
    """A short run, in a directory whose name needs quotes."""
    given = [f"task={task}", f"execution={environment}", "epochs=1", "batch_size=16", "model=hard", "weighting=equal"]
    given += ["progress=false", "threads=1", *SMALL.get(task, []), *QUICK.get(environment, []), *files(task, folder)]
    return configure(*given).changed(output=str(folder / "it's my (first), run=1"))


@cache
def environment_node(name: str) -> dict[str, Any]:
    """The config of an environment."""
    return configure(f"execution={name}", *QUICK.get(name, [])).execution


@pytest.mark.smoke
@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("task", option_names("task"))
def test_a_run_is_refused_where_it_cannot_act(task: str, tmp_path: Path) -> None:
    """Before it begins, so that no next step is printed that fails."""
    asked = config(task, "none", tmp_path)
    data = build_suite(asked)
    for environment in ENVIRONMENTS:
        chosen = asked.changed(execution=environment_node(environment))
        if (task, environment) in ACTING:
            assert environment_for(chosen, data) is not None
            continue
        with pytest.raises(InputError, match=r"cannot act in .* execution=none trains without acting"):
            environment_for(chosen, data)


@pytest.mark.smoke
@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(("task", "environment"), sorted(ACTING))
def test_what_is_printed_after_training_works(
    task: str,
    environment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    import execute

    result = train(config(task, environment, tmp_path))
    assert result is not None
    printed = dict(next_commands(result))["let the agent act:"]
    words = shlex.split(printed)
    assert words[:2] == ["python", "execute.py"]
    monkeypatch.setattr(sys, "argv", words[1:])
    capfd.readouterr()
    command(execute.main, "execute")
    said = capfd.readouterr()
    assert "written to" in said.out
    assert said.err == ""
    (directory,) = (Path(result.directory) / "executions").iterdir()
    assert (directory / "execution.json").is_file()
    if environment in ("scheduling", "estimates"):
        assert (directory / "schedules.csv").is_file()
