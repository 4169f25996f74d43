"""Cost of our full training run beside other loops on the same work: python benchmarks/step.py

Work: *small* is 64 inputs, trunk 256-256, three linear heads, batches of 256 rows; *large* 512 inputs, trunk
1024-1024-1024, eight heads, 512 rows. Squared errors with equal weights, fused Adam with gradient clipping, validation
after every epoch. Ours is ``Trainer.fit`` as ``train.py`` calls it: checkpoints,
CSV, TensorBoard and the progress bar on. Beside it:

- the bare loop takes the same steps in plain PyTorch, validates, and keeps nothing; *default Adam* is the same with the
  optimizer as PyTorch has it where nothing is said, which most programs use;
- the visible loop does the same with the parts of our module (losses, weighting, metrics) and saves a checkpoint after
  every epoch: what a training without Lightning would cost;
- the loop on Fabric is that one with the network and the optimizer set up by Lightning Fabric.

All run in this process in alternating rounds; the figures are medians over the rounds, of wall-clock seconds and of the
processor's seconds of this process, which other programs on the machine disturb less.

With ``--workarounds``: what each workaround against Lightning (``mtl/module/lightning.py`` names those that are kept)
gains. One training switches it off and on again every few steps; the figure is the median, over all neighbouring pairs
of such blocks, of the processor's seconds without it relative to those with it.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.profilers import PassThroughProfiler
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.measuring.works import WORKS, Work, overrides_of
from mtl.assembly import build
from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.module import loss_meter
from mtl.module.lightning import EpochCallback, LeanModule, NoProfiler, silent_lightning
from mtl.module.loss_meter import LossMeter
from mtl.module.module import MultiTaskModule
from mtl.module.training_step import TrainingStep
from mtl.nn.encoder import SINGLE
from mtl.runs.directory import Run
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Batch, Split
from mtl.training.budget import budget_of
from mtl.training.callbacks import ProgressBar
from mtl.training.trainer import make_trainer

Seconds = tuple[float, float]  # wall clock, processor
BARE, DEFAULT_ADAM, FIT = "bare loop", "bare loop, default Adam", "fit"
Switch = Callable[[bool], None]  # a workaround on or off
BLOCK = 10  # steps between two switches


def measured(work: Callable[[], None]) -> Seconds:
    """How long ``work`` takes."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def ours(overrides: list[str], folder: Path, callbacks: tuple[Callback, ...] = ()) -> Callable[[], None]:
    """One fit by the framework, ready to be started."""
    config = configure(*overrides, f"output={folder}")
    assembly = build(config)
    assembly.data.setup("fit")
    budget = budget_of(config, assembly.data.loader("train", training=True, world=1).steps)
    trainer = make_trainer(Run.create(config), assembly, budget, callbacks)
    for callback in trainer.callbacks:
        if isinstance(callback, ProgressBar):  # as on a terminal
            callback.console = Console(file=io.StringIO(), force_terminal=True, width=120)
    return lambda: trainer.fit(assembly.module, datamodule=assembly.data)


def visible(overrides: list[str], folder: Path, fabric: Fabric | None = None) -> Callable[[], None]:
    """The same training as a loop with the module's parts, ready to be started."""
    assembly = build(configure(*overrides))
    data, module, clip = assembly.data, assembly.module, assembly.config.gradient_clip
    data.setup("fit")
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Optimizer)
    step, loader = module.step, data.loader("train", training=True)
    if fabric is not None:
        network, optimizer = fabric.setup(module.network, optimizer)
        step = TrainingStep(module.network, module.weighting, module.partition, network)

    def work() -> None:
        number = 0
        for epoch in range(assembly.config.epochs):
            loader.set_epoch(epoch)
            for batch in loader:
                losses = step.losses(batch, batches=1, last=True)
                optimizer.zero_grad()
                step.backward(1.0)
                step.clip(clip)
                optimizer.step()
                step.finish()
                module.loss_meter.add(number, batch.present, 1.0, losses)
                number += 1
            module.weighting.on_epoch_end(module.loss_meter.epoch_mean())
            module.loss_meter.check_finite()
            module.evaluate(data.loader("val"))
            torch.save({"network": module.network.state_dict(), "optimizer": optimizer.state_dict()}, folder / "last")

    return work


def bare(splits: dict[str, Split], epochs: int, work: Work, *, fused: bool = True) -> None:
    """The same work by hand."""
    features, widths, _, batch_size = work
    torch.manual_seed(0)
    train, val = splits["train"], splits["val"]
    inputs = {name: split.inputs[SINGLE] for name, split in (("train", train), ("val", val))}
    layers = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise((features, *widths))]
    trunk = nn.Sequential(*layers)
    heads = nn.ModuleDict({name: nn.Linear(widths[-1], 1) for name in train.targets})
    parameters = [*trunk.parameters(), *heads.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=fused)
    for _ in range(epochs):
        for rows in torch.randperm(len(train)).split(batch_size):
            hidden = trunk(inputs["train"][rows])
            loss = sum(
                functional.mse_loss(heads[name](hidden).squeeze(-1), target[rows])
                for name, target in train.targets.items()
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
        with torch.no_grad():
            hidden = trunk(inputs["val"])
            for name, target in val.targets.items():
                functional.mse_loss(heads[name](hidden).squeeze(-1), target).item()


# -- workarounds -------------------------------------------------------------------------------------------------------


class Alternating(Callback):
    """Switches a workaround off and on, and times the blocks of steps between.

    Attributes:
        ratios: seconds of a block without it relative to the block before with it.
        gains: seconds that a step so takes less with it.
        steps: seconds of a step with it.
    """

    def __init__(self, make: Callable[[Trainer, MultiTaskModule], Switch]) -> None:
        self.make = make
        self.ratios: list[float] = []
        self.gains: list[float] = []
        self.steps: list[float] = []
        self.on = True
        self.switch: Switch | None = None
        self.before = self.started = 0.0

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx % BLOCK:
            return
        seconds = time.process_time() - self.started
        if self.switch is None:
            self.switch = self.make(trainer, module)
        elif batch_idx:
            if self.on:
                self.steps.append(seconds / BLOCK)
            elif batch_idx > BLOCK:
                self.ratios.append(seconds / self.before)
                self.gains.append((seconds - self.before) / BLOCK)
            self.on = not self.on
        else:
            self.on = True
        self.switch(self.on)
        self.before = seconds
        self.started = time.process_time()

    def on_validation_start(self, trainer: Trainer, module: Any) -> None:
        if self.switch is not None:
            self.switch(True)


def attributes(owner: type, names: list[str]) -> Switch:
    """Takes class attributes away, so that those of the parent show, and puts them back."""
    kept = {name: owner.__dict__[name] for name in names}

    def switch(on: bool) -> None:
        for name, value in kept.items():
            if on:
                setattr(owner, name, value)
            elif name in owner.__dict__:
                delattr(owner, name)

    return switch


def hooks(owner: type) -> list[str]:
    """The hooks of a class that are None."""
    return [name for name, value in vars(owner).items() if value is None and name.startswith("on_")]


def profiler(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Ours, or Lightning's."""
    mine, theirs = NoProfiler(), PassThroughProfiler()
    return lambda on: setattr(trainer, "profiler", mine if on else theirs)


def callback_hooks(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Hooks of callbacks that are None, or called though they are empty."""
    return attributes(EpochCallback, hooks(EpochCallback))


def both(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Profiler and callback hooks: a hook that is called opens a context of the profiler."""
    first, second = profiler(trainer, module), callback_hooks(trainer, module)

    def switch(on: bool) -> None:
        first(on)
        second(on)

    return switch


def module_hooks(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Hooks of the module that have nothing to do, as None or as Lightning's own, which are empty."""
    names = [name for name in hooks(EpochCallback) if name != "on_train_batch_end"]

    def switch(on: bool) -> None:
        for name in names:
            if on:
                setattr(MultiTaskModule, name, None)
            elif name in MultiTaskModule.__dict__:
                delattr(MultiTaskModule, name)

    return switch


def signature(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Of the training step, written down or not."""
    function = MultiTaskModule.training_step
    from inspect import signature as signature_of

    found = signature_of(function)

    def switch(on: bool) -> None:
        if on:
            function.__signature__ = found  # type: ignore[attr-defined]
        else:
            function.__dict__.pop("__signature__", None)

    return switch


def at_once(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Losses of many steps added up at once, or of each by itself."""
    many = loss_meter.AT_ONCE
    return lambda on: setattr(loss_meter, "AT_ONCE", many if on else 1)


def meter(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Losses kept by our meter, or logged by Lightning."""
    mine = LossMeter.add

    def log(self: LossMeter, step: int, tasks: Any, share: float, losses: Tensor) -> None:
        for name, loss in zip(self.names, losses, strict=True):
            module.log(f"loss/{name}", loss, on_step=False, on_epoch=True)

    return lambda on: setattr(LossMeter, "add", mine if on else log)


def logging(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Lightning's own writing of what is logged in a step: never, or at its default of every 50th."""
    return lambda on: setattr(trainer, "log_every_n_steps", 0 if on else 50)


def stay(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """A batch that is on its device already stays as it is, or is looked through by Lightning."""
    mine = MultiTaskDataModule.transfer_batch_to_device
    theirs = LightningDataModule.transfer_batch_to_device
    return lambda on: setattr(MultiTaskDataModule, "transfer_batch_to_device", mine if on else theirs)


def clipping(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Ours, or Lightning's."""
    mine, theirs = MultiTaskModule.configure_gradient_clipping, LightningModule.configure_gradient_clipping
    return lambda on: setattr(MultiTaskModule, "configure_gradient_clipping", mine if on else theirs)


def bar(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """Our progress bar, or Lightning's."""
    place = next(i for i, callback in enumerate(trainer.callbacks) if isinstance(callback, ProgressBar))
    mine, theirs = trainer.callbacks[place], TQDMProgressBar()
    theirs.setup(trainer, module, "fit")
    theirs.on_train_start(trainer, module)
    theirs.on_train_epoch_start(trainer, module)

    def switch(on: bool) -> None:
        trainer.callbacks[place] = mine if on else theirs

    return switch


def hidden_state(trainer: Trainer, module: MultiTaskModule) -> Switch:
    """The state of the step in a plain object, or in four attributes of the module that are set in every step."""
    mine = TrainingStep.losses

    def losses(self: TrainingStep, batch: Batch, batches: int, last: bool) -> Tensor:
        out = mine(self, batch, batches, last)
        module.a, module.b, module.c, module.d = self.state.losses, self.state.position, self.state.inputs, None
        return out

    return lambda on: setattr(TrainingStep, "losses", mine if on else losses)


WORKAROUNDS: dict[str, Callable[[Trainer, MultiTaskModule], Switch]] = {
    "profiler that does nothing": profiler,
    "callback hooks that are None": callback_hooks,
    "the last two together": both,
    "module hooks that are None (not kept)": module_hooks,
    "module that sets the current hook fast": lambda *_: attributes(LeanModule, ["__setattr__"]),
    "signature written down (not kept)": signature,
    "state of the step outside the module": hidden_state,
    "losses in our meter, not self.log": meter,
    "losses of 64 steps added up at once": at_once,
    "no logging by Lightning in a step": logging,
    "batches stay where they are": stay,
    "our clipping": clipping,
    "our progress bar": bar,
    "nothing (how exact this is)": lambda *_: lambda on: None,
}


def show_workarounds(base: list[str], names: list[str]) -> None:
    """Print what each gains, and what all do together."""

    def together(trainer: Trainer, module: MultiTaskModule) -> Switch:
        switches = [WORKAROUNDS[name](trainer, module) for name in names if name != "our progress bar"]

        def switch(on: bool) -> None:
            for each in switches:
                each(on)

        return switch

    print(f"{'':42}{'pairs':>8}{'ms a step':>12}{'us gained':>12}{'without it':>12}{'+-':>8}")
    for name, make in [*((name, WORKAROUNDS[name]) for name in names), ("all but the bar", together)]:
        alternating = Alternating(make)
        quiet = io.StringIO()
        streams = redirect_stdout(quiet), redirect_stderr(quiet)
        with tempfile.TemporaryDirectory() as folder, silent_lightning(), streams[0], streams[1]:
            ours(base, Path(folder), (alternating,))()
        ratios = sorted(alternating.ratios)
        error = 1.25 * statistics.stdev(ratios) / len(ratios) ** 0.5  # of a median, roughly
        step = statistics.median(alternating.steps) * 1e3
        gain = statistics.median(alternating.gains) * 1e6
        cells = f"{len(ratios):8}{step:12.2f}{gain:12.0f}{statistics.median(ratios):12.3f}{error:8.3f}"
        print(f"{name:42}{cells}", flush=True)


# -- loops -------------------------------------------------------------------------------------------------------------


def measure_loops(
    base: list[str], work: Work, epochs: int, rounds: int, names: Sequence[str] = ()
) -> dict[str, list[Seconds]]:
    """Seconds of the loops of these names, or of all, one for each round; an earlier round warms up."""
    assembly = build(configure(*base))
    assembly.data.setup("fit")
    splits = assembly.data.splits
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        variants = {
            BARE: lambda: lambda: bare(splits, epochs, work),
            DEFAULT_ADAM: lambda: lambda: bare(splits, epochs, work, fused=False),
            "visible loop": lambda: visible(base, folder),
            "visible loop on Fabric": lambda: visible(base, folder, Fabric(accelerator="cpu", devices=1)),
            FIT: lambda: ours(base, folder),
            "fit, no progress bar": lambda: ours([*base, "progress=false"], folder),
        }
        times: dict[str, list[Seconds]] = {name: [] for name in names or variants}
        for _ in range(rounds + 1):
            for name, found in times.items():
                with silent_lightning():
                    work_of = variants[name]()
                    found.append(measured(work_of))
    return {name: found[1:] for name, found in times.items()}


def show_loops(base: list[str], work: Work, epochs: int, steps: int, rounds: int) -> None:
    """Print what a step costs by each kind of loop."""
    times = measure_loops(base, work, epochs, rounds)
    taken = steps * epochs
    print(f"{'':24}{'ms a step':>12}{'ratio':>8}{'processor':>12}{'ratio':>8}")
    for name, found in times.items():
        cells = ""
        for clock in (0, 1):
            each = [one[clock] / taken * 1e3 for one in found]
            ratios = [a[clock] / b[clock] for a, b in zip(found, times[BARE], strict=True)]
            cells += f"{statistics.median(each):12.2f}{statistics.median(ratios):8.2f}"
        print(f"{name:24}{cells}")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=WORKS, default="small")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=600, help="per epoch")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workarounds", action="store_true", help="what each workaround against Lightning gains")
    parser.add_argument("--only", default="", help="workarounds whose names have this in them")
    parser.add_argument(
        "overrides", nargs="*", help="more overrides of the config, e.g. model=gated weighting=gradnorm"
    )
    given = parser.parse_args()
    set_process_defaults()
    torch.set_num_threads(1)
    work = WORKS[given.work]
    base = [*overrides_of(work, given.steps, given.epochs), *given.overrides]
    if given.workarounds:  # the dashboard would be written in every second block only
        show_workarounds([*base, "log_every=1000000"], [name for name in WORKAROUNDS if given.only in name])
    else:
        show_loops(base, work, given.epochs, given.steps, given.rounds)


if __name__ == "__main__":
    main()
