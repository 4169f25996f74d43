"""The one Lightning module: it lets the parts of training and evaluation work at Lightning's times."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch._functorch import config as functorch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from typing_extensions import override

from mtl.config.run_result import SplitMetrics
from mtl.errors import InputError, unknown
from mtl.module.constant_losses import constant_losses
from mtl.module.evaluating import evaluating
from mtl.module.evaluation import Evaluation
from mtl.module.finite_predictions import check_finite
from mtl.module.lightning import LeanModule, reduce_gradients_ourselves
from mtl.module.loss_meter import LossMeter
from mtl.module.losses import loss_sums
from mtl.module.preferences import Preferences
from mtl.module.random_state import RandomState
from mtl.module.row_contributions import RowContributions
from mtl.module.training_step import TrainingStep
from mtl.network import Network
from mtl.nn.encoder import Inputs
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph, labelled
from mtl.weighting.base import LossWeighting, Weighting

OptimizerFactory = Callable[[list[dict[str, Any]]], Optimizer]
SchedulerFactory = Callable[[Optimizer], LRScheduler]


class Data(Protocol):
    """What the module asks of the data module it is trained with."""

    selection: tuple[str, str]

    def validation_rollout(self, predict: Callable[[Any], dict[str, Tensor]]) -> dict[str, float]:
        """Act with the network in validation."""

    def held_out(self, step: int) -> Iterator[Batch]:
        """Rows for a weighting to learn on."""

    def loader(self, split: str) -> Iterable[Batch]:
        """The rows of a split as they stand."""


def acted_in_validation(data: Data, predict: Callable[[Any], dict[str, Tensor]]) -> dict[str, float]:
    """What came of acting in validation.

    Args:
        data: acts.
        predict: with this network.

    Returns:
        Numbers by name.

    Raises:
        InputError: an own suite gives something else, or no number for what selects the epoch.
    """
    found: object = data.validation_rollout(predict)
    if not isinstance(found, Mapping):
        raise InputError(f"validation_rollout of the suite gives a {type(found).__name__}, expected numbers by name")
    for name, value in found.items():
        if not isinstance(value, int | float | Tensor) or (isinstance(value, Tensor) and value.numel() != 1):
            kind = f"tensor {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"validation_rollout of the suite: {name} is a {kind}, expected a number")
        if float(value) != float(value) and data.selection[0] == f"val/{name}":
            raise InputError(f"validation_rollout of the suite: {name} is no number, and the epoch is selected by it")
    return dict(found)


def partly_missing(data: Data, task: str) -> bool:
    """Whether training rows have labels of a task of which a part is missing."""
    targets = (batch.targets[task] for batch in data.loader("train"))
    return any(bool((labelled(one) & one.flatten(1).isnan().any(1)).any()) for one in targets if one.dim() > 1)


class MultiTaskModule(LeanModule):
    """Trains a network on several tasks with any weighting.

    ``training_step`` returns the loss VECTOR ``[K]``, and ``backward`` hands it to the weighting, so Lightning's
    automatic optimization - clipping, accumulation, precision, schedulers - works for every method.

    A task's loss is the mean over its labelled rows in the whole optimizer step. A batch contributes the share
    ``sum of its rows' losses * (processes * accumulated batches) / labelled rows in the step``, whose mean over
    processes and batches is exactly that, whatever rows have no label.

    Args:
        network: sharing and heads.
        graph: the tasks.
        weighting: from K losses to one update.
        optimizer: from parameter groups to an optimizer.
        scheduler: from an optimizer to a learning-rate scheduler; it steps once per epoch, or with every optimizer step
            if it has an attribute ``interval`` that says "step". None keeps the rate.
        compile_network: compile the network's forward pass with ``torch.compile``.
        rates: learning rates of tasks, where nothing is shared, that are not the optimizer's.

    Attributes:
        partition: of the network's parameters.
        loss_meter: running means of the training losses.
        evaluation: counts predictions while they are measured.
        preferences: draws those of a network that learns all of them.
        step: batches to losses and gradients.
        random_state: of a checkpoint to go on from.
        notes: what was said of the network's training.
    """

    def __init__(
        self,
        network: Network,
        graph: TaskGraph,
        weighting: Weighting,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        compile_network: bool = False,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.graph = graph
        self.weighting = weighting
        self.make_optimizer = optimizer
        self.rates = dict(rates or {})
        self.make_scheduler = scheduler
        self.partition = network.partition()
        self._check_rates()
        if weighting.needs_shared and not self.partition.shared:
            raise InputError(
                f"{type(weighting).__name__} compares the tasks' gradients on shared parameters, "
                f"and {type(network.sharing).__name__} shares none: choose weighting=equal or another model"
            )
        if weighting.needs_representation and compile_network:
            raise InputError(
                "weighting.at=representation needs compile=false: a compiled network is one piece, without a "
                "representation inside at which gradients could be compared"
            )
        if compile_network:
            # A compiled backward pass would otherwise give its memory away, and run only once: weightings run several
            functorch.donated_buffer = False
        self.loss_meter = LossMeter(graph.names)
        self.evaluation = Evaluation(graph)
        compiled = torch.compile(network) if compile_network else network
        self.preferences = Preferences(network.sharing, weighting)
        self.step = TrainingStep(network, weighting, self.partition, compiled, self.preferences)
        self.random_state = RandomState()
        self.notes: list[str] = []

    @property
    def weights(self) -> Tensor | None:
        """Effective weights of the last optimizer step, ``[K]``; None before the first."""
        return self.step.state.weights

    @property
    def nothing_shared(self) -> bool:
        """Whether no parameter is shared and no task sees another's prediction."""
        return not self.partition.shared and not any(task.depends_on for task in self.graph.tasks)

    def forward(self, inputs: Any) -> dict[str, Tensor]:
        """Raw predictions by task."""
        return self.step.forward(inputs)

    def losses(self, batch: Batch) -> list[Tensor]:
        """Sum of the rows' losses, per task."""
        return loss_sums(self.graph, self(batch.inputs), batch)

    # -- training ------------------------------------------------------------------------------------------------------

    @override
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Shares of the step's task losses, ``[K]``."""
        batches = self.trainer.accumulate_grad_batches
        last = (batch_idx + 1) % batches == 0 or self.trainer.is_last_batch
        losses = self.step.losses(batch, batches, last)
        self.loss_meter.add(self.global_step, self.step.state.position.tasks or (), 1 / batches, losses)
        return losses

    @override
    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Hand the losses to the weighting.

        Args:
            loss: what Lightning made of the losses ``[K]``: divided by the accumulated batches and, in half precision,
                multiplied by the gradient scaler, whose factor is worked out and applied to the whole update.
            *args: for what Lightning may add.
            **kwargs: for what Lightning may add.
        """
        self.step.backward(self.step.loss_scale(loss) if self.trainer.precision == "16-mixed" else 1.0)
        if self.step.state.position.last:
            self.look_at_weights(self.global_step)

    def look_at_weights(self, step: int) -> None:
        """Remember whether what a weighting has made of the losses alone is finite; of gradients it looks itself.

        Args:
            step: the optimizer step under way.
        """
        if isinstance(self.weighting, LossWeighting) and self.weights is not None:
            self.loss_meter.add_weights(step, self.weights)

    def check_finite(self) -> None:
        """Raise :class:`Diverged` if losses or weights of an earlier step were not finite."""
        self.loss_meter.check_finite(type(self.weighting).__name__)

    @override
    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Not by Lightning's own function, which refuses fused optimizers in mixed precision also where, as in bfloat16,
        # no gradient is scaled
        if gradient_clip_val is not None:
            self.step.clip(gradient_clip_val)

    @override
    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if not self.step.state.position.last:
            return
        self.step.finish()
        if self.weighting.held_out:
            data: Data = self.trainer.datamodule  # type: ignore[attr-defined]
            held_out = (self.transfer_batch_to_device(b, self.device, 0) for b in data.held_out(self.global_step))
            self.step.feed_held_out_losses(held_out, self.trainer.accumulate_grad_batches)

    @override
    def on_fit_start(self) -> None:
        self.step.precision = self.trainer.precision_plugin.forward_context

    @override
    def on_train_start(self) -> None:
        reduce_gradients_ourselves(self.trainer)
        data: Data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.loss_meter.partly_missing = partial(partly_missing, data)
        self.random_state.restore()
        if self.weighting.needs_initial_losses and not self.global_step:
            rows = (self.transfer_batch_to_device(batch, self.device, 0) for batch in data.loader("train"))
            # Not by the compiled network, which would be compiled once more for this mode
            self.weighting.on_initial_losses(constant_losses(self.network, rows))

    @override
    def on_train_epoch_start(self) -> None:
        loader = self.trainer.train_dataloader
        assert loader is not None
        if not hasattr(loader, "set_epoch"):
            raise InputError(
                f"train_dataloader of the suite gives a {type(loader).__name__}: expected an InMemoryLoader of "
                "mtl.suites.loader, or what has its set_epoch and serves a Batch of mtl.suites.batch, since the order "
                "of the rows depends on the epoch"
            )
        # The order depends on the seed and the epoch alone; batches that are to be overfitted stay the same ones
        # (an attribute that Lightning sets where types do not see it)
        loader.set_epoch(0 if getattr(self.trainer, "overfit_batches", 0) else self.current_epoch)

    @override
    def on_train_epoch_end(self) -> None:
        self.weighting.on_epoch_end(self.loss_meter.epoch_mean())
        notes = [*filter(None, [self.step.reached.conclude()]), *(self.step.across_rows or ())]
        self.step.across_rows = []  # each is said once
        if self.trainer.is_global_zero:
            for note in notes:
                self.note(note)

    def note(self, text: str) -> None:
        """Say something of the network's training, which its result repeats."""
        self.notes.append(text)
        sys.stderr.write(f"{text}\n")

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.random_state.save(checkpoint)

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.random_state.load(checkpoint)

    def _check_rates(self) -> None:
        """Raise InputError for rates of tasks that are not there, or that share parameters."""
        for name in self.rates:
            if name not in self.graph.names:
                raise unknown("task in rates", name, self.graph.names)
        if self.rates and not self.nothing_shared:
            raise InputError("rates: tasks that share parameters have one learning rate: use model=single_task")

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What an optimizer is made of: the network and, without weight decay, the parameters of the weighting.

        Where nothing is shared, each task's parameters are a group, whose learning rate may have a course of its own.
        """
        parts = self.partition.private_lists
        if not self.nothing_shared:
            parts = [[p for p in self.network.parameters() if p.requires_grad]]
        groups: list[dict[str, Any]] = [{"params": part} for part in parts]
        for name, group in zip(self.graph.names, groups, strict=False):
            if name in self.rates:  # given only where each task has a group
                group["lr"] = self.rates[name]
        learned = list(self.weighting.parameters())
        if learned:
            groups.append({"params": learned, "weight_decay": 0.0})
        return groups

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        """One optimizer for all of :meth:`parameter_groups`."""
        optimizer = self.make_optimizer(self.parameter_groups())
        if self.make_scheduler is None:
            return optimizer
        scheduler = self.make_scheduler(optimizer)
        if isinstance(scheduler, ReduceLROnPlateau):
            raise InputError(
                "ReduceLROnPlateau waits for one metric, which a scheduler of a run is not told: use "
                "scheduler=plateau, which does the same, and where nothing is shared for every task by itself"
            )
        interval = getattr(scheduler, "interval", "epoch")
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": interval}}

    # -- evaluation ----------------------------------------------------------------------------------------------------

    @override
    def on_validation_start(self) -> None:
        self.check_finite()  # a network that has diverged is not validated, and so not saved

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.evaluation.add(self(batch.inputs), batch)

    @override
    def on_validation_epoch_end(self) -> None:
        measured = self.evaluation.validation_result(self.global_step)
        data: Data = self.trainer.datamodule  # type: ignore[attr-defined]
        acted = {f"val/{key}": value for key, value in acted_in_validation(data, self.predict).items()}
        if not self.trainer.sanity_checking:
            self.log_dict(measured.flat("val/") | acted)

    @torch.inference_mode()
    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        """Raw predictions for inputs on any device, in evaluation mode, on the device of the inputs.

        InputError names the first task of which one is NaN or infinite.
        """
        device = next(iter(inputs.values())).device
        moved = {name: values.to(self.device) for name, values in inputs.items()}
        with evaluating(self.network):
            predictions = self(moved)
        check_finite(predictions, moved)
        return {name: value.to(device) for name, value in predictions.items()}

    @torch.inference_mode()
    def evaluate(self, batches: Iterable[Batch], contributions: RowContributions | None = None) -> SplitMetrics:
        """Measure the network on these batches.

        Args:
            batches: rows.
            contributions: gets what is needed to say what each row contributes; None: that is not wanted.

        Returns:
            Metrics, losses and score; see :meth:`~mtl.module.evaluation.Evaluation.result`.
        """
        with evaluating(self):
            for batch in batches:
                moved = self.transfer_batch_to_device(batch, self.device, 0)
                self.evaluation.add(self(moved.inputs), moved, contributions)
        return self.evaluation.result()
