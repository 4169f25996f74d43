"""Cost of our full training run beside a bare PyTorch loop on the same work: python benchmarks/step.py

Work: 64 inputs, trunk 256-256, three linear heads, batches of 256 rows, squared errors with equal weights, fused Adam
with gradient clipping, validation after every epoch. Ours is ``Trainer.fit`` as ``train.py`` calls it: checkpoints,
CSV, TensorBoard and the progress bar on. The bare loop takes the same steps, validates, and keeps nothing.

Both run in this process in alternating rounds; the figures are medians over the rounds, of wall-clock seconds and of
the processor's seconds of this process, which other programs on the machine disturb less.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from torch import nn
from torch.nn import functional

from mtl.assembly import build, configure
from mtl.config.process import set_process_defaults
from mtl.nn.encoder import SINGLE
from mtl.runs.directory import Run
from mtl.suites.base import Split
from mtl.training.callbacks import Bar
from mtl.training.trainer import make_trainer, silent_lightning

Seconds = tuple[float, float]  # wall clock, processor


def measured(work: Callable[[], None]) -> Seconds:
    """How long ``work`` takes."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def ours(overrides: list[str], folder: Path) -> Callable[[], None]:
    """One fit by the framework, ready to be started."""
    config = configure(*overrides, f"output={folder}")
    assembly = build(config)
    assembly.data.setup("fit")
    run = Run.create(config)
    trainer = make_trainer(run, assembly, ())
    for callback in trainer.callbacks:
        if isinstance(callback, Bar):  # as on a terminal
            callback.console = Console(file=io.StringIO(), force_terminal=True, width=120)
    return lambda: trainer.fit(assembly.module, datamodule=assembly.data)


def bare(splits: dict[str, Split], epochs: int, batch_size: int) -> None:
    """The same work by hand."""
    torch.manual_seed(0)
    train, val = splits["train"], splits["val"]
    inputs, held_out = train.inputs[SINGLE], val.inputs[SINGLE]
    trunk = nn.Sequential(nn.Linear(inputs.shape[1], 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU())
    heads = nn.ModuleDict({name: nn.Linear(256, 1) for name in train.targets})
    parameters = [*trunk.parameters(), *heads.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    for _ in range(epochs):
        for rows in torch.randperm(len(train)).split(batch_size):
            hidden = trunk(inputs[rows])
            loss = sum(
                functional.mse_loss(heads[name](hidden).squeeze(-1), target[rows])
                for name, target in train.targets.items()
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
        with torch.no_grad():
            hidden = trunk(held_out)
            for name, target in val.targets.items():
                functional.mse_loss(heads[name](hidden).squeeze(-1), target).item()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=600, help="per epoch")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument(
        "overrides", nargs="*", help="more overrides of the config, e.g. model=gated weighting=gradnorm"
    )
    given = parser.parse_args()
    set_process_defaults()
    rows = 256 * given.steps * 5 // 3
    base = ["task=synthetic", f"task.rows={rows}", "task.features=64", f"epochs={given.epochs}", "threads=1"]
    base += ["model=hard", "weighting=equal", "scheduler=none", *given.overrides]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        assembly = build(configure(*base))
        assembly.data.setup("fit")
        splits = assembly.data.splits
        variants = {
            "bare loop": lambda: lambda: bare(splits, given.epochs, 256),
            "fit": lambda: ours(base, Path(folder)),
            "fit, no progress bar": lambda: ours([*base, "progress=false"], Path(folder)),
        }
        times: dict[str, list[Seconds]] = {name: [] for name in variants}
        for _ in range(given.rounds + 1):
            for name, prepare in variants.items():
                with silent_lightning():
                    work = prepare()
                    times[name].append(measured(work))
    steps = given.steps * given.epochs
    base_line = times["bare loop"][1:]  # the first round warms up
    print(f"{'':24}{'ms a step':>12}{'ratio':>8}{'processor':>12}{'ratio':>8}")
    for name, found in times.items():
        cells = ""
        for clock in (0, 1):
            each = [one[clock] / steps * 1e3 for one in found[1:]]
            ratios = [a[clock] / b[clock] for a, b in zip(found[1:], base_line, strict=True)]
            cells += f"{statistics.median(each):12.2f}{statistics.median(ratios):8.2f}"
        print(f"{name:24}{cells}")


if __name__ == "__main__":
    main()
