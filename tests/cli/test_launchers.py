"""Hydra's launchers and sweepers start the same runs as ours, and their runs can be compared."""

import subprocess
import sys
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from mtl.cli.report import report
from mtl.config.compose import check_overrides
from mtl.config.folders import CONF
from mtl.config.study_arguments import read_study
from mtl.runs.directory import read_result
from mtl.sweep.planner import Planner
from mtl.sweep.queue import DONE, RunQueue

RUNS = ["task=synthetic", "task.rows=60", "task.features=6", "encoder.widths=[6]", "epochs=1"]
LAUNCHERS = {
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "threads=1"],
    "ray": ["hydra/launcher=ray", "+hydra.launcher.init.num_cpus=2", "threads=1"],
    "submitit": ["hydra/launcher=submitit_local", "hydra.launcher.cpus_per_task=1", "hydra.launcher.timeout_min=5"],
}


def test_a_search_over_an_interval_passes_the_check() -> None:
    check_overrides(["task=synthetic", "optimizer.lr=tag(log,interval(0.0001,0.1))"], "config")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_multirun_gives_the_runs_of_a_comparison_and_says_what_failed(tmp_path: Path, launcher: str) -> None:
    """Of four jobs two have a mistake: it is one line, and the others are done."""
    if find_spec(launcher) is None:
        pytest.skip(f"{launcher} is not installed")
    swept = ["model=single_task,hard", "accumulate=50,1", "weighting=equal", "batch_size=4", "progress=false"]
    done = subprocess.run(
        [sys.executable, "train.py", "-m", *RUNS, *swept, f"output={tmp_path}", *LAUNCHERS[launcher]],
        cwd=CONF.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert "accumulate=50" in last
    assert "cannot be divided among 50 accumulated batches" in last

    settings = ["batch_size=4", f"output={tmp_path}", "models=[hard]", "weightings=[equal]", "seeds=1", "baselines=[]"]
    planner = Planner(read_study([*RUNS, *settings]))
    plan = planner.plan([planner.single_task(), *planner.multi_task()], [0])
    assert [RunQueue(tmp_path).state(entry) for entry in plan.entries] == [DONE, DONE]
    assert len(list(tmp_path.glob("runs/*/*/*/result.json"))) == 2  # of the jobs without the mistake

    console = Console(file=StringIO(), width=100)
    assert report([tmp_path / "runs"], console, "multirun").problems == ()
    assert (tmp_path / "comparisons" / "multirun" / "report.html").is_file()


@pytest.mark.slow
def test_a_search_minimises_the_validation_score(tmp_path: Path) -> None:
    """By Optuna: what it calls best is the best of the runs that it started."""
    if find_spec("hydra_plugins.hydra_optuna_sweeper") is None:
        pytest.skip("hydra-optuna-sweeper is not installed")
    search = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1"]
    swept = ["optimizer.lr=tag(log,interval(1e-4,1e-1))", "progress=false", f"output={tmp_path}"]
    subprocess.run(
        [sys.executable, "train.py", "-m", *RUNS, *search, *swept],
        cwd=CONF.parent,
        capture_output=True,
        timeout=300,
        check=True,
    )
    (found,) = tmp_path.glob("multirun/optimization_results.yaml")
    best = OmegaConf.load(found)
    results = [read_result(path) for path in tmp_path.glob("runs/*/*/*/result.json")]
    scores = {result.config.optimizer["lr"]: result.metrics["val"].score for result in results}
    assert len(scores) == 3
    assert best.best_value == pytest.approx(min(scores.values()))
    assert best.best_params["optimizer.lr"] == pytest.approx(min(scores, key=lambda lr: scores[lr]))
