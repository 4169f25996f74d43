"""Heads that are trained to their own ends, after the shared parameters of a network were chosen."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytorch_lightning as lightning
from pytorch_lightning import Callback, Trainer
from torch import nn
from typing_extensions import override

from mtl.assembly import Assembly, restore
from mtl.config.run_result import LOSS
from mtl.errors import InputError
from mtl.lifecycle.fit import Fitted, fit
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.runs.checksums import checked_path
from mtl.runs.directory import Run
from mtl.sharing.preferring import Preferring
from mtl.training.callbacks import MovingAverage
from mtl.training.callbacks.best_epoch_per_task import owners
from mtl.weighting.equal import Equal

LOGGERS = ("tensorboard",)  # others keep one entry for a run, which the first training has


class FrozenStatistics(EpochCallback):
    """Keeps running statistics, such as those of batch norms, where no task owns the layer that has them."""

    @override
    def on_train_epoch_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        owned = owners(module)
        for prefix, part in module.named_modules():
            names = [f"{prefix}.{name}" for name, _ in part.named_buffers(recurse=False)]
            if names and not any(name in owned for name in names):
                part.training = False  # of this layer alone, not of those within it


def check_finishing(assembly: Assembly, processes: int) -> None:
    """Check that the heads of a run can be finished.

    Args:
        assembly: its objects.
        processes: of its training.

    Raises:
        InputError: they cannot; says what stands against it.
    """
    data, graph = assembly.data, assembly.graph
    if processes > 1:
        raise InputError(f"finish_heads=true: that takes one process, and the hardware asks for {processes}")
    if isinstance(assembly.module.network.sharing, Preferring):
        raise InputError(
            "finish_heads=true trains for one choice of the shared parameters, and this model is another network for "
            "every preference"
        )
    if data.acting is not None:
        raise InputError(
            "finish_heads=true chooses by validation losses, selection=acting does not: use selection=score"
        )
    for task in graph.tasks:
        if task.depends_on:
            raise InputError(
                f"finish_heads=true: '{task.name}' sees the prediction of '{task.depends_on[0]}', so none of the two "
                "can be finished by itself"
            )


def finish_heads(run: Run, assembly: Assembly, fitted: Fitted, callbacks: Sequence[Callback] = ()) -> Fitted:
    """Train each task's own parameters on, by its own validation loss, while the shared ones stay as they are.

    One checkpoint of a network that shares has to serve all tasks, so each of them is stopped at an epoch that may not
    be its best. Here the epoch is chosen for the shared parameters alone. Then every task is trained as where nothing
    is shared: with its own patience, its own cooldown, its own best epoch. A task that becomes no better by its
    validation loss keeps the values that it had.

    A run that is killed meanwhile repeats the second training from its last checkpoint, or else from its start, which
    is kept in ``heads/start.ckpt``.

    Args:
        run: its directory.
        assembly: its objects, with the weights that validation chose.
        fitted: how the first training went.
        callbacks: own ones of the config. Of them an average of the weights is for this training, too; a learning rate
            that one has found is that of both trainings.

    Returns:
        How both went. The same as before where nothing is shared, since each task has been trained so already.
    """
    module, second = assembly.module, run.heads
    if module.nothing_shared:
        return fitted
    start = second.start
    begun = start.is_file()
    if not begun:
        second.path.mkdir(exist_ok=True)
        with checked_path(start) as partial:
            shutil.copyfile(run.best, partial)
    restore(module, start)
    if assembly.config.progress:
        sys.stderr.write("heads: each task's own parameters are trained on\n")
    before = losses(module, assembly)
    values = {name: value.clone() for name, value in module.network.state_dict().items()}
    with frozen(module.partition.shared):
        heads = heads_of(assembly, first_rate(run))
        lightning.seed_everything(assembly.config.seed, verbose=False)
        averages = [MovingAverage(one.decay) for one in callbacks if isinstance(one, MovingAverage)]
        done = fit(second, heads, (FrozenStatistics(), *averages), resumed=begun and second.last.is_file())
        assert done is not None  # one process
        owned = owners(heads.module)
    after = losses(module, assembly)
    better = [name for name in assembly.graph.names if after[name] < before[name]]
    prefix = "network."
    worse = [key.removeprefix(prefix) for key, task in owned.items() if task not in better]
    module.network.load_state_dict({**module.network.state_dict(), **{key: values[key] for key in worse}})
    best = read_checkpoint(start)
    best["state_dict"] = module.state_dict()
    write_checkpoint(run.best, best)
    epochs = {name: epoch for name, epoch in done.selection.by_task.items() if name in better}
    improving = fitted.selection.still_improving or done.selection.still_improving
    return replace(
        fitted,
        steps=fitted.steps + done.steps,
        epochs=fitted.epochs + done.epochs,
        selection=fitted.selection.model_copy(update={"by_task": epochs, "still_improving": improving}),
        seconds=fitted.seconds + done.seconds,
    )


def first_rate(run: Run) -> float:
    """The learning rate that the training of a run began with, also where a callback has chosen it."""
    group = read_checkpoint(run.last)["optimizer_states"][0]["param_groups"][0]  # the next one may be a weighting's
    return float(group.get("initial_lr", group["lr"]))


def heads_of(assembly: Assembly, rate: float) -> Assembly:
    """The second training's objects: the same network and rows, with a new optimizer and without a weighting.

    Args:
        assembly: of the first training, what is shared being frozen.
        rate: the learning rate of every task.

    Returns:
        The objects.
    """
    module, config = assembly.module, assembly.config
    logger = {name: node for name, node in config.logger.items() if name in LOGGERS}
    own = MultiTaskModule(
        module.network,
        assembly.graph,
        Equal(len(assembly.graph.tasks)),
        module.make_optimizer,
        module.make_scheduler,
        config.compile,
        dict.fromkeys(assembly.graph.names, rate),
    )
    return replace(assembly, config=config.changed(logger=logger), module=own)


@contextmanager
def frozen(parameters: list[nn.Parameter]) -> Iterator[None]:
    """No gradients for these parameters inside the block."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def losses(module: MultiTaskModule, assembly: Assembly) -> dict[str, float]:
    """Mean validation loss by task; infinite for one without labels there."""
    measured = module.evaluate(assembly.data.val_dataloader()).tasks
    infinite = float("inf")
    found = {name: measured.get(name, {}).get(LOSS) for name in assembly.graph.names}
    return {name: infinite if value is None else float(value) for name, value in found.items()}
