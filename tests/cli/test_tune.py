"""A search from its command to the best run: selected on validation, pruned, gone on with."""

import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mtl.cli import tune
from mtl.config.compose import configure
from mtl.config.search_settings import read_search
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.runs.directory import Run, read_result
from mtl.runs.identity import run_id
from mtl.sweep.search_study import SearchStudy

pytest.importorskip("optuna", minversion="5", reason="the extra tune is not installed")

RUNS = (
    "task=synthetic", "task.rows=60", "task.features=6", "encoder.widths=[6]", "model=hard", "weighting=equal",
    "epochs=3", "validate_every=1", "patience=null", "threads=1", "progress=false", "logger=csv",
)  # fmt: skip


def searched(output: Path, *more: str) -> tuple[int, str]:
    said = StringIO()
    code = tune.run(read_search([*RUNS, f"output={output}", "workers=0", *more]), Console(file=said, width=160))
    return code, said.getvalue()


@pytest.mark.smoke
def test_a_search_ends_bad_trials_and_says_what_to_type_next(tmp_path: Path) -> None:
    """A pruned run is not finished, and its own command goes on with it."""
    space = "optimizer.lr=tag(log,interval(1e-6,1e-1))"
    code, said = searched(tmp_path, space, "trials=4", "startup=1", "search_seed=3")
    assert code == 0
    runs = [Run.open(file.parent) for file in tmp_path.glob("runs/*/*/*/config.yaml")]
    states = sorted(run.state for run in runs)
    assert len(states) == 4
    assert set(states) == {"done", "pruned"}
    results = {run.path: read_result(run.path / "result.json") for run in runs if run.state == "done"}
    scores = {path: result.metrics["val"].score for path, result in results.items()}
    best = min(scores, key=lambda path: scores[path] or 0.0)
    assert f"The best run: {best}" in said
    next_line = next(line for line in said.splitlines() if "train it with a fresh seed" in line)
    assert f"optimizer.lr={results[best].config.optimizer['lr']} " in next_line
    assert next_line.endswith(" seed=1")
    rate = results[best].config.optimizer["lr"]
    asked = next(line for line in said.splitlines() if "does it pay?" in line).partition("compare.py ")[2]
    study = read_study(shlex.split(asked))  # each network gets the rate that suits it
    assert study.tune
    assert study.grid == {"optimizer.lr": [rate, 1.778e-05, 0.005623]}
    assert not any(text.startswith("optimizer.lr") for text in study.overrides)
    assert len(re.findall(r"^\d of 4: ", said, re.MULTILINE)) == 4

    pruned = next(run for run in runs if run.state == "pruned")
    done = train(pruned.config.changed(output=str(tmp_path)))
    assert done is not None
    assert Path(done.directory) == pruned.path
    assert pruned.state == "done"
    assert run_id(configure(*RUNS, f"optimizer.lr={done.config.optimizer['lr']}")) == pruned.path.name


def test_trials_that_ended_between_two_looks_are_counted_one_by_one(tmp_path: Path) -> None:
    asked = read_search([*RUNS, f"output={tmp_path}", "optimizer.lr=interval(0.1,0.2)", "trials=3"])
    study, said = SearchStudy(asked), StringIO()
    progress = tune.Progress(asked, Console(file=said, width=160))
    progress.show(study)
    for score in (0.3, 0.2, 0.1):
        with study.claim() as trial:
            assert trial is not None
            study.study.tell(trial, score)
    progress.show(study)
    assert re.findall(r"^(\d) of 3: score 0\.(\d)", said.getvalue(), re.MULTILINE) == [
        ("1", "3"),
        ("2", "2"),
        ("3", "1"),
    ]


def test_a_search_whose_trials_fail_says_why(tmp_path: Path) -> None:
    code, said = searched(tmp_path, "batch_size=4", "accumulate=50,60", "trials=9")
    assert code == 1
    assert "no trial came to its end; 2 failed: " in said
    assert "cannot be divided among 50 accumulated batches" in said or "among 60 accumulated batches" in said


def test_a_trial_is_trained_in_one_process(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^a search starts runs of one process each"):
        searched(tmp_path, "optimizer.lr=0.1,0.01", "hardware=ddp_cpu")
