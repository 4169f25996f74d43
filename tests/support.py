"""A small suite whose rows a test chooses, and a training of it without files."""

import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger
from torch import Tensor
from torch.optim import Optimizer

from mtl.config.compose import configure
from mtl.config.run_config import RunConfig
from mtl.module.lightning import TRAINER, silent_lightning
from mtl.module.module import MultiTaskModule, OptimizerFactory
from mtl.network import Network
from mtl.nn.encoder import SINGLE, Inputs
from mtl.nn.mlp import MLP
from mtl.sharing.hard import Hard
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.tasks import Task, TaskGraph, regression
from mtl.weighting.base import Weighting

EXIT_INTERRUPTED = 128 + signal.SIGINT  # exit code of a program that Ctrl-C ended
FEATURES = 5
ADAM = partial(torch.optim.Adam, lr=0.01)


class Rows(MultiTaskDataModule):
    """The rows given, in every split."""

    fingerprint = "rows"

    def __init__(self, inputs: Inputs, targets: dict[str, Tensor], tasks: Sequence[Task] | None = None) -> None:
        super().__init__()
        self.tasks = tuple(tasks or (regression(name) for name in targets))
        self.input_shape = {name: tuple(values.shape[1:]) for name, values in inputs.items()}
        self.given = Split(inputs, targets)

    def load(self) -> dict[str, Split]:
        return dict.fromkeys(("train", "val", "test"), self.given)


def rows(count: int = 40, tasks: int = 3, missing: float = 0.0, seed: int = 0) -> Rows:
    """Regression on random rows, a share of the labels missing; one task has larger values than the others."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, FEATURES, generator=generator)
    values = inputs @ torch.randn(FEATURES, tasks, generator=generator) + 0.1 * torch.randn(
        count, tasks, generator=generator
    )
    values[:, 0] *= 3
    values = values.masked_fill(torch.rand(count, tasks, generator=generator) < missing, torch.nan)
    return Rows({SINGLE: inputs}, {f"t{i}": values[:, i] for i in range(tasks)})


def module_of(
    data: MultiTaskDataModule,
    weighting: Weighting,
    optimizer: OptimizerFactory = ADAM,
    dropout: float = 0.0,
    seed: int = 0,
    compile_network: bool = False,
) -> MultiTaskModule:
    """A small hard-sharing module for these tasks."""
    torch.manual_seed(seed)
    graph = TaskGraph(data.tasks)
    encoder = partial(MLP, widths=[8, 6], activation="tanh", dropout=dropout)
    network = Network(Hard(data.input_shape, graph.names, encoder), graph)
    weighting.bind(graph.names)
    return MultiTaskModule(network, graph, weighting, optimizer, compile_network=compile_network)


def fit(
    data: MultiTaskDataModule,
    module: MultiTaskModule,
    *,
    batch_size: int,
    accumulate: int = 1,
    epochs: int = 2,
    clip: float | None = None,
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Logger] = (),
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    resume: Path | None = None,
    save: Path | None = None,
) -> MultiTaskModule:
    """Train through the real trainer, without files but a checkpoint to go on from or to leave."""
    data.configure_batches(batch_size, seed=0, accumulate=accumulate)
    with silent_lightning():
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=epochs,
            accumulate_grad_batches=accumulate,
            gradient_clip_val=clip,
            **TRAINER,
            logger=list(loggers),
            enable_checkpointing=False,
            callbacks=list(callbacks),
            precision=precision,
        )
        trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
        if save is not None:
            trainer.save_checkpoint(save)
    return module


def parameters(module: MultiTaskModule) -> Tensor:
    """All parameters, those of the weighting too, as one vector."""
    return torch.cat([p.detach().flatten() for p in module.parameters()])


TINY = (
    "task=synthetic",
    "task.rows=200",
    "task.features=6",
    "encoder.widths=[8,6]",
    "batch_size=40",
    "validate_every=1",
    "progress=false",
)


def divided(groups: list[dict[str, Any]], lr: float, weight_decay: float = 0.0, joined: bool = False) -> Optimizer:
    """An optimizer of one's own: biases without weight decay are groups of their own, or all parameters are one."""
    if joined:
        return torch.optim.AdamW([p for group in groups for p in group["params"]], lr=lr)
    parts = [
        {**group, "params": [p for p in group["params"] if (p.dim() > 1) == decays]}
        | ({} if decays else {"weight_decay": 0.0})
        for group in groups
        for decays in (True, False)
    ]
    return torch.optim.AdamW(parts, lr=lr, weight_decay=weight_decay)


def own_optimizer(config: RunConfig, **arguments: Any) -> RunConfig:
    """The config, with :func:`divided` as its optimizer."""
    node = {"_target_": "tests.support.divided", "_partial_": True, "lr": config.optimizer["lr"], **arguments}
    return config.changed(optimizer=node, trust=["tests"])


def tiny(output: Path, *overrides: str) -> dict[str, Any]:
    """A config of ``train.py`` whose run takes a moment; without a dashboard, whose pictures take longer than that."""
    quick = [] if any(text.startswith("logger=") for text in overrides) else ["logger=csv"]
    return configure(*TINY, f"output={output}", "epochs=2", *quick, *overrides)
