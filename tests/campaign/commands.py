"""The programs as a person types them, for use in a process of its own."""

import sys
from pathlib import Path

from mtl.cli import compare, report, tune
from mtl.cli.application import command, run_program
from mtl.cli.execute import main as execute
from mtl.cli.improve import main as improve
from mtl.cli.train import main as train

ROOT = Path(__file__).parents[2]


def train_py(*words: str) -> None:
    """``python train.py <words>``."""
    sys.argv = [str(ROOT / "train.py"), *words]
    command(train, "config")


def execute_py(*words: str) -> None:
    """``python execute.py <words>``."""
    sys.argv = [str(ROOT / "execute.py"), *words]
    command(execute, "execute")


def improve_py(*words: str) -> None:
    """``python improve.py <words>``."""
    sys.argv = [str(ROOT / "improve.py"), *words]
    command(improve, "improve")


def tune_py(*words: str) -> None:
    """``python -m mtl tune <words>``."""
    sys.argv = [str(ROOT / "mtl"), *words]
    run_program(tune.main)


def compare_py(*words: str) -> None:
    """``python experiments/compare.py <words>``."""
    sys.argv = [str(ROOT / "experiments" / "compare.py"), *words]
    run_program(compare.main)


def report_py(*words: str) -> None:
    """``python experiments/report.py <words>``."""
    sys.argv = [str(ROOT / "experiments" / "report.py"), *words]
    run_program(report.main)
