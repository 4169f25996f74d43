"""The one Lightning module: batches to a vector of losses, a weighting makes one update of it, metrics tell how
good it is.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import signature
from math import isfinite, nan
from typing import Any, Protocol, cast

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch._functorch import config as functorch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric, MetricCollection

from mtl.errors import InputError
from mtl.gradients import add_mean_gradient, least_over_processes, mean_over_processes, mean_over_rows, processes
from mtl.network import Network
from mtl.suites.base import Batch, Tensors
from mtl.tasks import TaskGraph, labelled
from mtl.weighting.base import Step, Weighting

OptimizerFactory = Callable[[list[dict[str, Any]]], Optimizer]
SchedulerFactory = Callable[[Optimizer], LRScheduler]

NEVER = 2**62  # a step that no training reaches
SEEN = 64  # training steps whose losses are counted at once


class Diverged(InputError):
    """A loss became NaN or infinite."""


class Data(Protocol):
    """What the module asks of the data module it is trained with."""

    def rehearse(self, predict: Callable[[Any], dict[str, Tensor]]) -> dict[str, float]:
        """Act with the network in validation."""

    def held_out(self, step: int) -> Iterator[Batch]:
        """Rows for a weighting to learn on."""


class MultiTaskModule(LightningModule):
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
        scheduler: from an optimizer to a learning-rate scheduler that steps once per epoch; None keeps the rate.
        compile_network: compile the network's forward pass with ``torch.compile``.
    """

    def __init__(
        self,
        network: Network,
        graph: TaskGraph,
        weighting: Weighting,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        compile_network: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.graph = graph
        self.weighting = weighting
        self.make_optimizer = optimizer
        self.make_scheduler = scheduler
        self.partition = network.partition()
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
        own = [*self.partition.private.values(), list(weighting.parameters())]
        together = [*self.partition.shared, *(p for part in own for p in part)]
        self._clipped = [together] if self.partition.shared else own  # parameters whose gradients are limited together
        # In a tuple: a compiled network is the same parameters once more, and must not be registered twice
        self._forward = (torch.compile(network) if compile_network else network,)
        self.metrics = nn.ModuleDict({task.name: MetricCollection(dict(task.metrics)).clone() for task in graph.tasks})
        for module in self.metrics.modules():
            if isinstance(module, Metric):
                module.distributed_available_fn = alone
        tasks = len(graph.tasks)
        self.register_buffer("loss_sum", torch.zeros(tasks), persistent=False)
        self.register_buffer("loss_steps", torch.zeros(tasks), persistent=False)
        self.register_buffer("epoch_sum", torch.zeros(tasks), persistent=False)
        self.register_buffer("epoch_steps", torch.zeros(tasks), persistent=False)
        self.register_buffer("bad_step", torch.full((tasks,), NEVER), persistent=False)
        self.register_buffer("eval_sum", torch.zeros(tasks, dtype=torch.float64), persistent=False)
        self.register_buffer("eval_rows", torch.zeros(tasks, dtype=torch.float64), persistent=False)
        self.weights: Tensor | None = None  # effective weights of the last optimizer step, [K]
        self.shown_losses: dict[str, float] = {}  # what mean_losses said last
        self._losses: list[Tensor] = []
        self._inputs: list[Tensors] = []  # of the step so far
        # Optimizer step, tasks with labels and losses [K] of the training steps not yet counted
        self._seen: list[tuple[int, tuple[int, ...], Tensor]] = []
        self._step = Step()
        self._representation: Tensor | None = None  # where the weighting compares gradients there
        self._again: list[tuple[Batch, list[float]]] = []  # batches of the step and the factors of their losses
        self._random_state: dict[str, Tensor] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. Lightning notes the hook under way some fifty times a step, which need not be looked at
        each time as if it were a parameter.
        """
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    loss_sum: Tensor
    loss_steps: Tensor
    epoch_sum: Tensor
    epoch_steps: Tensor
    bad_step: Tensor
    eval_sum: Tensor
    eval_rows: Tensor

    def forward(self, inputs: Any) -> dict[str, Tensor]:
        """Raw predictions by task."""
        out: dict[str, Tensor] = self._forward[0](inputs)
        return out

    def losses(self, batch: Batch) -> list[Tensor]:
        """Sum of the rows' losses, per task."""
        return self.sums(self(batch.inputs), batch)

    def sums(self, predictions: dict[str, Tensor], batch: Batch) -> list[Tensor]:
        """Sum of the rows' losses at these predictions, per task."""
        sums = []
        for index, task in enumerate(self.graph.tasks):
            target = batch.targets[task.name]
            complete = bool(batch.counts) and batch.counts[index] == batch.size
            sums.append(task.losses(predictions[task.name], target, None if complete else labelled(target)).sum())
        return sums

    # -- training ------------------------------------------------------------------------------------------------------

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Shares of the step's task losses, ``[K]``."""
        batches = self.trainer.accumulate_grad_batches
        self._inputs = [*([] if self._step.last else self._inputs), batch.inputs]
        if self.weighting.needs_representation:
            predictions, self._representation = self.network.with_representation(batch.inputs)
        else:
            predictions = self(batch.inputs)
        sums = self.sums(predictions, batch)
        counts = batch.counts or self.counts(batch, batches)
        shares = [processes() * batches / max(n, 1) for n in counts]
        self._losses = [total * share for total, share in zip(sums, shares, strict=True)]
        if self.weighting.looks_again:
            self._again.append((batch, shares))
        last = (batch_idx + 1) % batches == 0 or self.trainer.is_last_batch
        self._step = Step(tuple(i for i, n in enumerate(counts) if n), batches, last)
        with torch.no_grad():  # the graph hangs on the single losses, which backward takes
            losses = torch.stack(self._losses)
        self._seen.append((self.global_step, self._step.tasks or (), losses))
        if len(self._seen) == SEEN:
            self._count_losses()
        return losses

    def counts(self, batch: Batch, batches: int) -> tuple[int, ...]:
        """Labelled rows in the step when the loader does not know: as if every accumulated batch had as many as
        this one.
        """
        rows = [labelled(batch.targets[name]).sum() for name in self.graph.names]
        mean = mean_over_processes(torch.stack(rows).float()) * (processes() * batches)
        return tuple(int(n) for n in mean.round().tolist())

    def _count_losses(self) -> None:
        """Add the losses seen since the last call to the means, and note the first step at which one was not finite.

        Done for many steps at once: per step this would cost as much as a small layer.
        """
        if not self._seen:
            return
        steps, tasks, losses = zip(*self._seen, strict=True)
        self._seen = []
        device = self.loss_sum.device
        present = torch.zeros(len(tasks), len(self.graph.tasks))
        for row, indices in zip(present, tasks, strict=True):
            row[list(indices)] = 1 / self.trainer.accumulate_grad_batches
        present = present.to(device)
        seen = torch.stack(losses)  # [steps, K]
        for total, count in ((self.loss_sum, self.loss_steps), (self.epoch_sum, self.epoch_steps)):
            total += (seen.nan_to_num() * (present > 0)).sum(0) / self.trainer.accumulate_grad_batches
            count += present.sum(0)
        when = torch.tensor(steps, device=device).unsqueeze(1)  # [steps, 1]
        broken = torch.where(seen.isfinite(), NEVER, when).amin(0)
        self.bad_step.copy_(torch.minimum(self.bad_step, broken))

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Hand the losses to the weighting. ``loss`` is what Lightning made of them: divided by the accumulated batches
        and, in half precision, multiplied by the gradient scaler; the factor is worked out and applied to the whole
        update.
        """
        step = self._step
        scale = 1.0
        if self.trainer.precision == "16-mixed":
            raw = torch.stack([one.detach() for one in self._losses])
            ratio = float((loss.detach() / raw).nan_to_num(0.0, 0.0, 0.0).amax())
            # Losses that are all 0 have no gradient and a broken one is reported elsewhere: any factor will do
            scale = ratio * step.batches or 1.0
        if not step.tasks:  # no row of the whole step has any label
            return
        shared, private, layer = self.partition
        weights = self.weighting.backward(
            self._losses,
            shared,
            [private[name] for name in self.graph.names],
            layer,
            Step(step.tasks, step.batches, step.last, scale),
            self._representation,
        )
        self._representation = None
        if step.last:
            self.weights = weights
            penalty = self.network.sharing.penalty(self._inputs, mean_over_rows)
            if penalty.requires_grad:
                add_mean_gradient(penalty * scale, [p for p in self.network.sharing.parameters() if p.requires_grad])
        self._losses = []

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Limit the norm of the whole gradient, or each task's own where nothing is shared: as if it learned alone.

        Not by Lightning's own function, which refuses fused optimizers in mixed precision also where, as in bfloat16,
        no gradient is scaled.
        """
        if gradient_clip_val is None:
            return
        for parameters in self._clipped:
            nn.utils.clip_grad_norm_(parameters, gradient_clip_val)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Methods that look at the losses after a step may do so."""
        if self._step.last:
            self.weighting.after_step(self._losses_again)
            self._again = []
            if self.weighting.held_out:
                self._learn()

    def _learn(self) -> None:
        """Tell the weighting the losses of held-out rows at the parameters as they are now."""
        data: Data = self.trainer.datamodule  # type: ignore[attr-defined]
        shared, private, _ = self.partition
        batches = self.trainer.accumulate_grad_batches
        for number, rows in enumerate(data.held_out(self.global_step), 1):
            batch: Batch = self.transfer_batch_to_device(rows, self.device, 0)
            shares = [processes() * batches / max(n, 1) for n in batch.counts]
            # Not by the compiled network, which would be compiled once more for batches of this size
            sums = self.sums(self.network(batch.inputs), batch)
            losses = [total * share for total, share in zip(sums, shares, strict=True)]
            step = Step(tuple(i for i, n in enumerate(batch.counts) if n), batches, number == batches)
            self.weighting.learn(losses, shared, [private[name] for name in self.graph.names], step)

    @torch.no_grad()
    def _losses_again(self) -> Tensor:
        """The losses ``[K]`` of the whole step at the parameters as they are now; 0 for a task without labels."""
        total = torch.zeros(len(self.graph.tasks), device=self.device)
        for batch, shares in self._again:
            total += torch.stack(self.losses(batch)) * torch.tensor(shares, device=self.device) / len(self._again)
        return mean_over_processes(total)

    def check_finite(self) -> None:
        """Raise :class:`Diverged` if a loss of an earlier step was not finite, on whichever process."""
        self._count_losses()
        steps = least_over_processes(self.bad_step.clone()).tolist()
        step, name = min(zip(steps, self.graph.names, strict=True), key=lambda pair: pair[0])
        if step != NEVER:
            raise Diverged(self._diverged(f"loss of task '{name}'", step))

    @staticmethod
    def _diverged(what: str, step: int) -> str:
        return (
            f"the {what} became NaN or infinite at step {step}: the learning rate may be too high "
            "(lower optimizer.lr, or set gradient_clip=1), or the data holds values that are not finite"
        )

    def mean_losses(self) -> dict[str, float]:
        """Mean training loss of each task since the last call, over all processes; tasks not seen since then are
        left out.
        """
        means = self._means(self.loss_sum, self.loss_steps)
        self.shown_losses = {
            name: value for name, value in zip(self.graph.names, means.tolist(), strict=True) if value == value
        }
        return self.shown_losses

    def _means(self, total: Tensor, steps: Tensor) -> Tensor:
        self._count_losses()
        means = mean_over_processes(total.clone()) / steps  # NaN where no step counted
        total.zero_()
        steps.zero_()
        return means

    def on_train_start(self) -> None:
        """Take over what DistributedDataParallel would do at its own time: gradients are reduced in the gradient
        path.
        """
        wrapper = self.trainer.strategy.model
        if isinstance(wrapper, nn.parallel.DistributedDataParallel):
            wrapper.require_backward_grad_sync = False
        if self._random_state:
            torch.set_rng_state(self._random_state["cpu"].cpu())
            if torch.cuda.is_available() and "cuda" in self._random_state:
                torch.cuda.set_rng_state(self._random_state["cuda"].cpu())

    def on_train_epoch_start(self) -> None:
        """The order of the rows depends on the seed and the epoch alone."""
        loader = self.trainer.train_dataloader
        assert loader is not None
        loader.set_epoch(self.current_epoch)

    def on_train_epoch_end(self) -> None:
        """Methods that look back over an epoch are told its mean losses."""
        self.weighting.on_epoch_end(self._means(self.epoch_sum, self.epoch_steps))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Random state goes with the checkpoint, so that a resumed run draws what the uninterrupted one would have
        drawn.
        """
        checkpoint["random_state"] = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            checkpoint["random_state"]["cuda"] = torch.cuda.get_rng_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the random state until training starts."""
        self._random_state = checkpoint["random_state"]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """One optimizer for the network and, without weight decay, the parameters of the weighting."""
        groups: list[dict[str, Any]] = [{"params": [p for p in self.network.parameters() if p.requires_grad]}]
        learned = list(self.weighting.parameters())
        if learned:
            groups.append({"params": learned, "weight_decay": 0.0})
        optimizer = self.make_optimizer(groups)
        if self.make_scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": self.make_scheduler(optimizer)}

    # -- evaluation ----------------------------------------------------------------------------------------------------

    def _measure(self, batch: Batch) -> None:
        """Count one batch in every task's metrics and losses."""
        predictions = self(batch.inputs)
        for index, task in enumerate(self.graph.tasks):
            prediction, target = predictions[task.name].float(), batch.targets[task.name]
            rows = labelled(target)
            self.eval_sum[index] += task.losses(prediction, target, rows).sum()
            self.eval_rows[index] += rows.sum()
            if not rows.all():
                prediction, target = prediction[rows], target[rows]
            if len(target):
                cast(MetricCollection, self.metrics[task.name]).update(task.decode(prediction), target)

    def _measured(self) -> dict[str, float]:
        """``<task>/<metric>``, ``loss/<task>`` and ``score`` of what was counted, then forget it.

        Left out is what these rows do not define: unlabelled tasks, R2 of a single row, AUROC of a single class.
        """
        out: dict[str, float] = {}
        rows = self.eval_rows.tolist()
        losses = (self.eval_sum / self.eval_rows).tolist()
        for task, n, loss in zip(self.graph.tasks, rows, losses, strict=True):
            metrics = cast(MetricCollection, self.metrics[task.name])
            if n:
                out[f"loss/{task.name}"] = loss
                values = {f"{task.name}/{name}": computed(metric) for name, metric in metrics.items()}
                out |= {name: value for name, value in values.items() if value == value}
            metrics.reset()
        seen = [loss for loss, n in zip(losses, rows, strict=True) if n]
        if seen:
            out["score"] = float(torch.tensor(seen, dtype=torch.float64).clamp(min=1e-12).log().mean().exp())
        self.eval_sum.zero_()
        self.eval_rows.zero_()
        return out

    def on_validation_start(self) -> None:
        """Do not validate, and so do not save, a network that has diverged."""
        self.check_finite()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count one batch."""
        self._measure(batch)

    def on_validation_epoch_end(self) -> None:
        """Log what was measured, and how acting with the network went."""
        values = self._measured()
        if "score" not in values:
            raise InputError("no row of the val split has a label: nothing to select a checkpoint by")
        for name in self.graph.names:
            if not isfinite(values.get(f"loss/{name}", 0.0)):  # the last step can break the network unseen
                raise Diverged(self._diverged(f"validation loss of task '{name}'", self.global_step))
        data: Data = self.trainer.datamodule  # type: ignore[attr-defined]
        values |= data.rehearse(self.predict)
        if not self.trainer.sanity_checking:
            self.log_dict({f"val/{key}": value for key, value in values.items()})

    @torch.inference_mode()
    def predict(self, inputs: Any) -> dict[str, Tensor]:
        """Raw predictions for inputs on any device, in evaluation mode, on the device of the inputs."""
        training = self.network.training
        self.network.eval()
        first = next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs
        moved = (
            {k: v.to(self.device) for k, v in inputs.items()} if isinstance(inputs, Mapping) else inputs.to(self.device)
        )
        out = {name: value.to(first.device) for name, value in self(moved).items()}
        self.network.train(training)
        return out

    @torch.inference_mode()
    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Metrics, losses and score over these batches, by the names of :meth:`_measured` without a stage before
        them.
        """
        training = self.training
        self.eval()
        for batch in batches:
            self._measure(self.transfer_batch_to_device(batch, self.device, 0))
        self.train(training)
        return self._measured()


# Lightning reads the signature at every step, and finds it faster where it is written down
MultiTaskModule.training_step.__signature__ = signature(MultiTaskModule.training_step)  # type: ignore[attr-defined]


def alone() -> bool:
    """Tells a metric that there are no other processes to ask: each measures all rows."""
    return False


def computed(metric: Metric) -> float:
    """The value of a metric; NaN where the rows it has seen do not define it, of which torchmetrics warns or raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            return float(metric.compute())
        except (ValueError, UserWarning):
            return nan
