"""The four programs as a person types them, for use in a process of its own."""

import sys

from mtl.cli import compare, report
from mtl.cli.application import command, run_program
from mtl.cli.execute import main as execute
from mtl.cli.train import main as train


def train_py(*words: str) -> None:
    """``python train.py <words>``."""
    sys.argv = ["train.py", *words]
    command(train, "config")


def execute_py(*words: str) -> None:
    """``python execute.py <words>``."""
    sys.argv = ["execute.py", *words]
    command(execute, "execute")


def compare_py(*words: str) -> None:
    """``python experiments/compare.py <words>``."""
    sys.argv = ["compare.py", *words]
    run_program(compare.main)


def report_py(*words: str) -> None:
    """``python experiments/report.py <words>``."""
    sys.argv = ["report.py", *words]
    run_program(report.main)
