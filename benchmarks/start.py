"""Seconds from a command to its first optimizer step, and of a further run: python benchmarks/start.py

Each row is a process of its own: programs that only import libraries, ``--help``, a tiny run of ``train.py`` and three
of them in one process (``-m seed=0,1,2``), with one thread. In every round all take their turns. The figures are
processor seconds, which other programs on the machine disturb less than what a clock shows, and ratios to the import
of torch and Lightning in the same round. The runs say when their first and last optimizer steps ended, by a callback:

- *first optimizer step*: from the start of the process to the end of the first step;
- *whole run*: until the process has ended, with validation, checkpoints, logs, pictures, the measured result;
- *further run, beside its steps*: in the same process, from the last step of a run to the first step of the next, that
  is, the end of one and the beginning of another.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from benchmarks.measuring.spread import Spread, ratios

ROOT = Path(__file__).parent.parent
TINY = ("task=synthetic", "task.rows=400", "model=hard", "weighting=equal", "encoder.widths=[16]")
SHORT = ("epochs=2", "steps=null", "patience=null", "threads=1", "progress=false", "trust=[benchmarks]")
LIBRARIES = "import torch, pytorch_lightning"
FIRST_STEP, FURTHER_RUN = "first optimizer step", "further run, beside its steps"


class Marks(Callback):
    """Writes the processor seconds of this process when the first and the last step of a run have ended.

    Args:
        file: gets one line for each run.
    """

    def __init__(self, file: str) -> None:
        self.file, self.first, self.last = Path(file), 0.0, 0.0

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        self.last = time.process_time()
        self.first = self.first or self.last

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(f"{self.first} {self.last}\n")


def processor_seconds(*command: str) -> float:
    """Of a process and what it starts, from beginning to end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    before = os.times()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True, **quiet)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def trained(*more: str) -> tuple[float, list[tuple[float, float]]]:
    """Processor seconds of tiny runs in one process, and for each run when its first and last steps had ended."""
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks"
        own = f"+callbacks.marks={{_target_: benchmarks.start.Marks, file: {marks}}}"
        whole = processor_seconds("train.py", *TINY, *SHORT, own, f"output={folder}", *more)
        found = [line.split() for line in marks.read_text(encoding="utf-8").splitlines()]
    return whole, [(float(first), float(last)) for first, last in found]


def one_round() -> dict[str, float]:
    """Seconds of everything, once."""
    whole, ((first, _),) = trained()
    _, several = trained("-m", "seed=0,1,2")
    between = [later - last for (_, last), (later, _) in pairwise(several)]
    return {
        "import torch": processor_seconds("-c", "import torch"),
        LIBRARIES: processor_seconds("-c", LIBRARIES),
        "train.py --help": processor_seconds("train.py", "--help"),
        FIRST_STEP: first,
        "whole run": whole,
        FURTHER_RUN: min(between),
    }


def measure(rounds: int) -> dict[str, list[float]]:
    """Processor seconds by row, one for each round."""
    found = [one_round() for _ in range(rounds)]
    return {name: [one[name] for one in found] for name in found[0]}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    times = measure(given.rounds)
    relative = ratios(times, LIBRARIES)
    print(f"| | seconds, least | median (range) | relative to `{LIBRARIES}` |\n|---|---|---|---|")
    for name, values in times.items():
        print(f"| {name} | {min(values):.2f} | {Spread.of(values)} | {Spread.of(relative[name])} |")


if __name__ == "__main__":
    main()
