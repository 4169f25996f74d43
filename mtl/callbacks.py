"""What the dashboard shows, by a fixed taxonomy of tags, and what is said while training is interrupted.

``train/loss/<task>``, ``val/loss/<task>``, ``val/<task>/<metric>``, ``val/score``, ``weight/<task>``,
``gradient/norm/<task>``, ``gradient/cosine/<a>-<b>``, ``gradient/conflict``, ``gradient/magnitude_similarity``,
``mixture/<task>/<expert>``, ``affinity/<measure>/<of>-<onto>``, ``cost/step_relative_to_equal``; pictures
``sharing/mixture``, ``sharing/parameters``, ``sharing/tasks`` and ``sharing/affinity``.
"""

import shutil
import time
from contextlib import nullcontext
from itertools import combinations, permutations
from math import inf
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.loggers import TensorBoardLogger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from mtl.analysis.affinity import compare, observe
from mtl.errors import unknown
from mtl.module import MultiTaskModule
from mtl.runs import replacing
from mtl.suites.base import Batch

REFRESH = 0.5  # seconds between two looks of the progress bar: drawing it costs as much as a small training step


class Brief(Callback):
    """A callback that has no word at most of a step's stages.

    Lightning calls every hook of every callback at every step, some forty calls that do nothing but cost as much as a
    small layer. A hook that is None it passes over.
    """

    on_train_batch_start: Any = None
    on_train_batch_end: Any = None
    on_before_zero_grad: Any = None
    on_before_backward: Any = None
    on_after_backward: Any = None
    on_before_optimizer_step: Any = None


class Dashboard(Brief):
    """Writes losses, weights, gradients and mixtures every ``every`` optimizer steps, straight to the loggers.

    Where the weighting does not look at the tasks' gradients, these are compared once per epoch, on its last batch and
    at the last shared layer: that a run with equal weights shows conflict is the reason to try another method.

    Lightning's own ``self.log`` costs as much per scalar and step as a small training step; means are kept on the
    device instead.

    Args:
        every: optimizer steps between two points.
        selection: the validation quantity that selects the checkpoint.
    """

    def __init__(self, every: int = 20, selection: str = "val/score") -> None:
        self.every = every
        self.selection = selection
        self._written = -1
        self._batch: Batch | None = None  # the last of the epoch

    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Lay out the dashboard's custom-scalars page."""
        self._written = trainer.global_step
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_custom_scalars(layout(module, self.selection))

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a point when it is time."""
        if trainer.is_last_batch:
            self._batch = batch
        step = trainer.global_step
        if step % self.every == 0 and step != self._written:
            self._write(trainer, module)

    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Write the point that an epoch shorter than the interval would lack, and compare the gradients."""
        if trainer.global_step != self._written:
            self._write(trainer, module)
        if module.weighting.gramian is None and self._batch is not None and comparable(module):
            self._log(trainer, gradients(module, *compare(module, self._batch)))
        self._batch = None

    def _write(self, trainer: Trainer, module: MultiTaskModule) -> None:
        module.tally.check_finite()
        values = {f"train/loss/{name}": value for name, value in module.tally.recent().items()}
        values |= weights(module) | mixtures(module)
        if module.weighting.gramian is not None:
            values |= gradients(module, module.weighting.gramian, module.weighting.gramian_tasks)
        self._log(trainer, values)
        self._written = trainer.global_step

    @staticmethod
    def _log(trainer: Trainer, values: dict[str, float]) -> None:
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)


class Checkpoints(Brief, Checkpoint):
    """Keeps the checkpoint of the last finished epoch, and that of the best one.

    Args:
        best: file of the best.
        last: file of the last.
        metric: the validation quantity that selects; one that is not measured is an InputError with those that are.
        mode: "min" or "max", which of its values is best.

    Attributes:
        value: the best value so far; None before the first epoch.
        epoch: the epoch it is of.
    """

    def __init__(self, best: Path, last: Path, metric: str, mode: str) -> None:
        self.best, self.last, self.metric, self.mode = best, last, metric, mode
        self.value: float | None = None
        self.epoch = 0

    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Save. Lightning calls this after all other callbacks, and every process takes part."""
        measured = trainer.callback_metrics
        if self.metric not in measured:
            raise unknown("validation metric to select by", self.metric, sorted(measured))
        value = float(measured[self.metric])
        better = self.value is None or self._rank(value) < self._rank(self.value)
        if better:
            self.value, self.epoch = value, trainer.current_epoch
        # Lightning writes elsewhere and moves, which between two disks is a copy that may end half-way
        with replacing(self.last) if trainer.is_global_zero else nullcontext(self.last) as place:
            trainer.save_checkpoint(place, weights_only=False)
        if better and trainer.is_global_zero:  # a copy costs less than to save again
            with replacing(self.best) as partial:
                shutil.copyfile(self.last, partial)

    def _rank(self, value: float) -> float:
        if value != value:  # not a number: worse than any
            return inf
        return value if self.mode == "min" else -value

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run compares its epochs with."""
        return {"value": self.value, "epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on comparing with the best of the run so far."""
        self.value, self.epoch = state_dict["value"], state_dict["epoch"]


class Bar(Brief):
    """A progress bar over the whole training, with the tasks' losses and the quantity that selects the checkpoint.

    Shown on a terminal only, by the first process.

    Args:
        checkpoints: knows the selecting quantity and its best value.
        console: where to draw.
    """

    def __init__(self, checkpoints: Checkpoints, console: Console | None = None) -> None:
        self.checkpoints = checkpoints
        self.console = console or Console()
        self._bar: Progress | None = None
        self._drawn = 0.0
        self._done = 0
        self._selecting = ""

    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Draw the empty bar."""
        if not trainer.is_global_zero or not self.console.is_terminal:
            return
        batches, epochs = int(trainer.num_training_batches), trainer.max_epochs or 0
        self._done = trainer.current_epoch * batches
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, TextColumn("{task.fields[said]}"), console=self.console, auto_refresh=False)
        self._bar.add_task("epoch", total=batches * epochs, completed=self._done, said="")
        self._bar.start()

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw again when the last look is old enough."""
        self._done += 1
        if self._bar is not None and time.perf_counter() - self._drawn > REFRESH:
            self._draw(trainer, module)

    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Say what the epoch came to."""
        if self._bar is None:
            return
        metric, best = self.checkpoints.metric, self.checkpoints.value
        now = trainer.callback_metrics.get(metric)
        self._selecting = f"{metric} {float(now):.4g}" if now is not None else ""
        self._selecting += f" (best {best:.4g})" if best is not None else ""
        self._draw(trainer, module)

    def _draw(self, trainer: Trainer, module: MultiTaskModule) -> None:
        assert self._bar is not None
        losses = " ".join(f"{name} {value:.3g}" for name, value in module.tally.shown.items())
        self._bar.update(
            self._bar.task_ids[0],
            description=f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}",
            completed=self._done,
            said=f"loss {losses}  {self._selecting}" if losses else "",
        )
        self._bar.refresh()
        self._drawn = time.perf_counter()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def on_train_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Leave the terminal as it was."""
        self._stop()

    def on_exception(self, trainer: Trainer, module: MultiTaskModule, exception: BaseException) -> None:  # type: ignore[override]
        """Leave the terminal as it was."""
        self._stop()


class Timer(Brief):
    """Seconds that training takes, without validation and checkpoints and with them; a resumed run counts on.

    Attributes:
        seconds: sum over the epochs, without validation and checkpoints.
        batches: how many batches that were.
    """

    def __init__(self) -> None:
        self.seconds, self.batches = 0.0, 0
        self._started = 0.0
        self._before = 0.0  # seconds of the fits that this one goes on from
        self._fit_started = time.perf_counter()

    def fit(self) -> float:
        """Seconds of training so far, with everything."""
        return self._before + time.perf_counter() - self._fit_started

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"seconds": self.seconds, "batches": self.batches, "fit": self.fit()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Back from a checkpoint."""
        self.seconds, self.batches, self._before = state_dict["seconds"], state_dict["batches"], state_dict["fit"]

    def on_fit_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Start the clock of the whole."""
        self._fit_started = time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Start the clock."""
        self._started = time.perf_counter()

    def on_validation_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Stop it: validation follows the last batch of an epoch."""
        self.seconds += time.perf_counter() - self._started
        self.batches += int(trainer.num_training_batches)


class Affinity(Brief):
    """Measures every few steps which tasks help each other (:mod:`mtl.analysis.affinity`).

    Args:
        every: optimizer steps between two measurements.

    Attributes:
        cosines, lookaheads: what was observed, each ``[K, K]``.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = every
        self._seen = -1
        self.cosines: list[Tensor] = []
        self.lookaheads: list[Tensor] = []

    def on_train_batch_start(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, batch: Batch, batch_idx: int
    ) -> None:
        """Observe the batch, before the step that it is for."""
        if trainer.global_step % self.every or trainer.global_step == self._seen:
            return
        self._seen = trainer.global_step
        lr = float(trainer.optimizers[0].param_groups[0]["lr"])
        cosine, lookahead = observe(module, batch, lr)
        self.cosines.append(cosine)
        self.lookaheads.append(lookahead)
        names = module.graph.names
        values = {
            f"affinity/{measure}/{names[i]}-{names[j]}": float(matrix[i, j])
            for measure, matrix in (("cosine", cosine), ("lookahead", lookahead))
            for i, j in permutations(range(len(names)), 2)
            if matrix[i, j].isfinite() and (i < j or measure != "cosine")
        }
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)


def weights(module: MultiTaskModule) -> dict[str, float]:
    """Effective weights of the last optimizer step."""
    if module.weights is None:
        return {}
    return {f"weight/{name}": value for name, value in zip(module.graph.names, module.weights.tolist(), strict=True)}


def comparable(module: MultiTaskModule) -> bool:
    """Several tasks share something, so that their gradients can conflict."""
    return len(module.graph.tasks) > 1 and bool(module.partition.shared)


def gradients(module: MultiTaskModule, gramian: Tensor, tasks: tuple[int, ...]) -> dict[str, float]:
    """Norms of the task gradients, the cosines between them, and what these say over all pairs of tasks: the share of
    pairs in conflict (negative cosine), and the mean magnitude similarity ``2 |a| |b| / (|a|^2 + |b|^2)``, which is 1
    for gradients of one length (Yu et al., NeurIPS 2020).

    Args:
        module: knows the tasks' names.
        gramian: ``[M, M]``, of the task gradients.
        tasks: indices of these M tasks.
    """
    names = [module.graph.names[i] for i in tasks]
    norms, cosines = norms_and_cosines(gramian)
    out = {f"gradient/norm/{name}": value for name, value in zip(names, norms.tolist(), strict=True)}
    for (i, a), (j, b) in combinations(enumerate(names), 2):
        out[f"gradient/cosine/{a}-{b}"] = float(cosines[i, j])
    if len(names) > 1:
        first, second = torch.triu_indices(len(names), len(names), 1)
        squares = norms[first].square() + norms[second].square()
        alike = torch.where(squares > 0, 2 * norms[first] * norms[second] / squares, torch.ones_like(squares))
        out["gradient/conflict"] = float((cosines[first, second] < 0).float().mean())
        out["gradient/magnitude_similarity"] = float(alike.mean())
    return out


def norms_and_cosines(gramian: Tensor) -> tuple[Tensor, Tensor]:
    """Gramian ``[M, M]`` to gradient norms ``[M]`` and cosines ``[M, M]``; a zero gradient has cosine 0 with
    everything.
    """
    norms = gramian.diagonal().clamp(min=0).sqrt()
    scale = torch.outer(norms, norms)
    return norms, torch.where(scale > 0, gramian / scale, torch.zeros_like(gramian))


def mixtures(module: MultiTaskModule) -> dict[str, float]:
    """How much each task draws on each expert, where experts are mixed."""
    mixture = module.network.sharing.mixture()
    if mixture is None:
        return {}
    return {
        f"mixture/{name}/{expert}": value
        for name, row in zip(module.graph.names, mixture.tolist(), strict=True)
        for expert, value in enumerate(row)
    }


def layout(module: MultiTaskModule, selection: str) -> dict[str, dict[str, list[Any]]]:
    """Charts of the custom-scalars page, by question; only those that this run will fill.

    Args:
        module: what is trained.
        selection: the validation quantity that selects the checkpoint.
    """
    tasks = module.graph.tasks
    learning = {f"{task.name}: loss in training and validation": f"(train|val)/loss/{task.name}$" for task in tasks}
    learning[f"selects the checkpoint: {selection}"] = f"{selection}$"
    learning |= {f"{task.name}: {task.primary} in validation": f"val/{task.name}/{task.primary}$" for task in tasks}
    pages = {"learning": learning, "weighting": {"weights of the tasks": "weight/.*"}}
    if comparable(module):
        pages["weighting"] |= {
            "gradient norms": "gradient/norm/.*",
            "gradient cosines (below 0: conflict)": "gradient/cosine/.*",
            "share of task pairs in conflict": "gradient/conflict",
            "likeness of the gradients' lengths (1: equal)": "gradient/magnitude_similarity",
        }
    if module.network.sharing.mixture() is not None:
        pages["sharing"] = {f"experts used by {task.name}": f"mixture/{task.name}/.*" for task in tasks}
    return {page: {title: ["Multiline", [tags]] for title, tags in charts.items()} for page, charts in pages.items()}
