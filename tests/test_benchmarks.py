"""Every benchmark runs, on very little work; what it measures is for a person to read, not for a test to assert."""

import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.campaign.child import start

ROOT = Path(__file__).parent.parent
LITTLE = {
    "bench.py": ["--rounds", "1", "--parts", "heads"],
    "budgets.py": ["synthetic", "--seeds", "1", "task.rows=60", "encoder.widths=[4]", "steps=20", "patience=2"],
    "dispatching.py": ["--batch", "2", "--rounds", "1", "--largest", "40"],
    "front.py": ["--works", "tiny", "--parts", "4", "--rows", "200", "--epochs", "1", "--rounds", "1"],
    "growth.py": ["--curves", "tasks=2", "runs=20"],
    "load.py": ["--parts", "steps", "--steps", "40"],
    "loader.py": ["--rows", "600", "--rounds", "1"],
    "memory.py": ["--kinds", "convolution", "--largest", "1000000", "--methods", "upgrad"],
    "network.py": ["--rounds", "1", "--seconds", "0.01", "--works", "small", "--no-compile"],
    "precision.py": ["--works", "W1", "--runs", "2", "--rounds", "1", "--epochs", "1"],
    "replicas.py": ["--works", "tiny", "--rounds", "1", "--epochs", "1", "--replicas", "2", "--rows", "200"],
    "sharing.py": ["hard", "cross_stitch", "--rounds", "1", "--repeats", "1", "--work", "tiny"],
    "start.py": ["--rounds", "1"],
    "step.py": ["--rounds", "1", "--steps", "4", "--epochs", "1"],
    "threads.py": ["--cases", "synthetic, 256-256", "--rounds", "1", "--steps", "2"],
    "weighting.py": ["--methods", "equal,mgda", "--rounds", "1", "--seconds", "0.1", "--processes", "1"],
    "weighting.py --solvers": ["--solvers", "--methods", "mgda", "--rounds", "1"],
}
LONG_ONES = "bench front growth load network precision replicas start threads weighting"  # even so
LONG = [f"{name}.py" for name in LONG_ONES.split()]


def test_every_benchmark_is_tried() -> None:
    assert {name.split()[0] for name in LITTLE} == {path.name for path in (ROOT / "benchmarks").glob("*.py")}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.campaign if name in LONG else pytest.mark.slow) for name in LITTLE]
)
def test_a_benchmark_prints_its_figures(name: str, tmp_path: Path) -> None:
    script = str(ROOT / "benchmarks" / name.split()[0])

    def program() -> None:
        warnings.resetwarnings()
        sys.argv = [script, *LITTLE[name]]
        runpy.run_path(script, run_name="__main__")

    done = start(program, tmp_path).wait(300)
    assert done.code == 0, done.err
    assert done.out.strip()


@pytest.mark.campaign
def test_many_runs_are_each_there_once(tmp_path: Path) -> None:
    script = [str(ROOT / "benchmarks" / "load.py"), "--seeds", "2", "--workers", "2", "--copies", "2", "--steps", "40"]
    done = subprocess.run([sys.executable, *script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["sweep", "report", "steps"]
