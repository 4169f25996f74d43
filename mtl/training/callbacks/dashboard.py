"""What the dashboard shows while a network is trained."""

import re
from itertools import combinations
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor
from typing_extensions import override

from mtl.config.run_result import LOSS
from mtl.gradients.conflict import norms_and_cosines, summarise_pairs
from mtl.module.affinity import gradient_gramian
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.network import check_mixture
from mtl.runs.dashboard import place_of
from mtl.suites.batch import Batch


class Dashboard(EpochCallback):
    """Writes losses, weights, gradients and mixtures every ``every`` optimizer steps, straight to the loggers.

    Where the weighting does not look at the tasks' gradients, these are compared with every validation, on the last
    batch and at the last shared layer: that a run with equal weights shows conflict is the reason to try another
    method.

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
        self._validated = False
        self._batch: Batch | None = None  # the last of the epoch

    @override
    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._written = trainer.global_step
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_custom_scalars(layout(module, self.selection))

    @override
    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_last_batch:
            self._batch = batch
        step = trainer.global_step
        if step % self.every == 0 and step != self._written:
            self._write(trainer, module)

    @override
    def on_validation_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._validated = True

    @override
    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if not self._validated:  # one of many short epochs
            return
        self._validated = False
        if trainer.global_step != self._written:  # an epoch shorter than the interval
            self._write(trainer, module)
        if module.weighting.gramian is None and self._batch is not None and comparable(module):
            self._log(trainer, gradients(module, *gradient_gramian(module, self._batch)))
        self._batch = None

    def _write(self, trainer: Trainer, module: MultiTaskModule) -> None:
        module.check_finite()
        values = {f"train/{name}/{LOSS}": value for name, value in module.loss_meter.mean_since_last_call().items()}
        values |= weights(module) | mixtures(module)
        if module.weighting.gramian is not None:
            values |= gradients(module, module.weighting.gramian, module.weighting.gramian_tasks)
        self._log(trainer, values)
        self._written = trainer.global_step

    @staticmethod
    def _log(trainer: Trainer, values: dict[str, float]) -> None:
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)


def weights(module: MultiTaskModule) -> dict[str, float]:
    """Effective weights of the last optimizer step, by tag; none before the first."""
    if module.weights is None:
        return {}
    return {f"weight/{name}": value for name, value in zip(module.graph.names, module.weights.tolist(), strict=True)}


def comparable(module: MultiTaskModule) -> bool:
    """Whether several tasks share something, so that their gradients can conflict."""
    return len(module.graph.tasks) > 1 and bool(module.partition.shared)


def gradients(module: MultiTaskModule, gramian: Tensor, tasks: tuple[int, ...]) -> dict[str, float]:
    """Norms of the task gradients, the cosines between them, and what these say over all pairs of tasks.

    See :mod:`mtl.gradients.conflict`.

    Args:
        module: knows the tasks' names.
        gramian: ``[M, M]``, of the task gradients.
        tasks: indices of these M tasks.

    Returns:
        Values by tag.
    """
    names = [module.graph.names[i] for i in tasks]
    norms, cosines = norms_and_cosines(gramian)
    out = {f"gradient/norm/{name}": value for name, value in zip(names, norms.tolist(), strict=True)}
    for (i, a), (j, b) in combinations(enumerate(names), 2):
        out[f"gradient/cosine/{a}-{b}"] = float(cosines[i, j])
    if len(names) > 1:
        pairs = summarise_pairs(norms, cosines)
        out["gradient/conflict"] = pairs.conflict
        out["gradient/magnitude_similarity"] = pairs.magnitude_similarity
    return out


def mixtures(module: MultiTaskModule) -> dict[str, float]:
    """How much each task draws on each expert, by tag; nothing where no experts are mixed."""
    mixture = module.network.sharing.mixture()
    check_mixture(mixture, module.network.sharing)
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

    Returns:
        By page and title what TensorBoard's ``add_custom_scalars`` takes.
    """
    tasks = module.graph.tasks
    # One tag in two directories, which have unlike colours
    learning = {f"{task.name}: loss in training and validation": shown(f"val/{task.name}/{LOSS}") for task in tasks}
    learning[f"selects the checkpoint: {selection}"] = shown(selection)
    learning |= {
        f"{task.name}: {task.primary} in validation": shown(f"val/{task.name}/{task.primary}") for task in tasks
    }
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


def shown(tag: str) -> str:
    """An expression for the tag under which TensorBoard has what a run logs as ``tag``."""
    return f"^{re.escape(place_of(tag)[1])}$"
