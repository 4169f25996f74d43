"""The four programs as a person types them, for use in a process of its own."""

import sys
from pathlib import Path

from mtl.cli import compare, report
from mtl.cli.application import command, run_program
from mtl.cli.execute import main as execute
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


def compare_py(*words: str) -> None:
    """``python experiments/compare.py <words>``."""
    sys.argv = [str(ROOT / "experiments" / "compare.py"), *words]
    run_program(compare.main)


def report_py(*words: str) -> None:
    """``python experiments/report.py <words>``."""
    sys.argv = [str(ROOT / "experiments" / "report.py"), *words]
    run_program(report.main)
