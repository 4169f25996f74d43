"""Hydra's launchers start the same runs as ours, and their runs can be compared."""

import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mtl.cli.application import with_launcher
from mtl.cli.report import report
from mtl.config.folders import CONF
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.runs.directory import read_result
from mtl.sweep.planner import Planner
from mtl.sweep.queue import DONE, RunQueue

RUNS = ["task=synthetic", "task.rows=60", "task.features=6", "encoder.widths=[6]", "epochs=1"]
LAUNCHERS = {
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "threads=1"],
    "ray": ["hydra/launcher=ray", "+hydra.launcher.init.num_cpus=2", "threads=1"],
    "submitit": ["hydra/launcher=submitit_local", "hydra.launcher.cpus_per_task=1", "hydra.launcher.timeout_min=5"],
}


@pytest.mark.campaign
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_multirun_gives_the_runs_of_a_comparison_and_says_what_failed(tmp_path: Path, launcher: str) -> None:
    """Of four jobs two have a mistake: each is one line, and the others are done."""
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
    *_, head, first, second = done.stderr.splitlines()
    assert head == "2 of the sweep's runs failed:"
    for model, line in (("single_task", first), ("hard", second)):
        assert line.startswith("  task=synthetic ")
        assert f"model={model} accumulate=50" in line
        assert "cannot be divided among 50 accumulated batches" in line
    said = {
        "submitit": f", and write what they print to {tmp_path}/multirun/.submitit/<job>; this waits for them\n",
        "ray": "jobs run by hydra/launcher=ray; this waits for them\n",  # of what they print the last lines may be lost
    }
    if launcher in said:
        assert said[launcher] in done.stderr
    else:
        assert done.stdout.count("all numbers: ") == 2

    settings = ["batch_size=4", f"output={tmp_path}", "models=[hard]", "weightings=[equal]", "seeds=1", "baselines=[]"]
    planner = Planner(read_study([*RUNS, *settings]))
    plan = planner.plan([planner.single_task(), *planner.multi_task()], [0])
    assert [RunQueue(tmp_path).state(entry) for entry in plan.entries] == [DONE, DONE]
    assert len(list(tmp_path.glob("runs/*/*/*/result.json"))) == 2  # of the jobs without the mistake

    console = Console(file=StringIO(), width=100)
    assert report([tmp_path / "runs"], console, "multirun").problems == ()
    assert (tmp_path / "comparisons" / "multirun" / "report.html").is_file()


@pytest.mark.campaign
def test_a_signal_ends_a_multirun_on_ray_in_one_line(tmp_path: Path) -> None:
    """Ray answers one with its stack in C++ and an abort."""
    pytest.importorskip("ray")
    swept = ["model=hard", "weighting=equal", "seed=0,1", "steps=null", "patience=null", f"output={tmp_path}"]
    sweep = subprocess.Popen(
        [sys.executable, "train.py", "-m", *RUNS, "epochs=100000", *swept, *LAUNCHERS["ray"]],
        cwd=CONF.parent,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    limit = time.monotonic() + 200
    while not list(tmp_path.glob("runs/*/*/*/last.ckpt")) and time.monotonic() < limit:
        time.sleep(0.2)
    sweep.terminate()
    _, said = sweep.communicate(timeout=60)
    assert sweep.returncode == 128 + signal.SIGTERM
    assert said.splitlines()[-1] == "interrupted"
    assert "SIGTERM received" not in said


@pytest.mark.campaign
def test_what_a_launcher_does_not_do_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    options = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=0", f"output={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "train.py", "-m", *RUNS, "seed=0,1", *options], cwd=CONF.parent, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == "error: the launcher of the sweep has failed: n_jobs == 0 in Parallel has no meaning\n"


@pytest.mark.slow
def test_printed_paths_are_found_where_a_run_had_a_directory_of_its_own(tmp_path: Path) -> None:
    """``hydra.job.chdir`` lets a run work elsewhere than where its command was typed."""
    options = ["hydra.job.chdir=true", f"hydra.run.dir={tmp_path / 'elsewhere'}", "output=mine", "progress=false"]
    done = subprocess.run(
        [sys.executable, "train.py", *RUNS, "model=hard", "weighting=equal", *options],
        cwd=CONF.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    path = Path(done.stdout.split("all numbers:")[1].split()[0])
    assert path.is_absolute()
    assert path.is_file()


CLUSTER = """
import subprocess
import sys

from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
address = f"+hydra.launcher.init.address='{cluster.address}'"
code = subprocess.run([sys.executable, "train.py", *sys.argv[1:], "hydra/launcher=ray", address]).returncode
cluster.shutdown()
sys.exit(code)
"""


@pytest.mark.campaign
def test_a_multirun_goes_over_the_nodes_of_a_cluster(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    swept = ["model=hard", "weighting=equal", "seed=0,1,2", "threads=1", "progress=false", f"output={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-c", CLUSTER, "-m", *RUNS, *swept],
        cwd=CONF.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("runs/*/*/*/result.json"))) == 3


@pytest.mark.slow
def test_a_multirun_trains_runs_of_one_shape_at_once_and_shows_each(tmp_path: Path) -> None:
    swept = ["model=hard", "weighting=equal,famo", "seed=0,1", "replicas=2", "progress=false", f"output={tmp_path}"]
    said = subprocess.run(
        [sys.executable, "train.py", "-m", *RUNS, *swept], cwd=CONF.parent, capture_output=True, timeout=300, text=True
    )
    assert said.returncode == 0, said.stderr
    results = [read_result(path) for path in tmp_path.glob("runs/*/*/*/result.json")]
    assert sorted((one.choices.weighting, one.seed, one.replicas) for one in results) == [
        ("equal", 0, 2),
        ("equal", 1, 2),
        ("famo", 0, 1),
        ("famo", 1, 1),
    ]
    assert said.stdout.count("all numbers:") == 4
    assert "trained one after another, not at once: weighting=famo" in said.stderr


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (["replicas=2"], "add -m"),
        (["-m", "seed=0,1", "replicas=2", "hydra/launcher=joblib"], "leave hydra/launcher out"),
    ],
)
def test_replicas_are_of_a_sweep_with_their_own_launcher(typed: list[str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        with_launcher(typed)
