"""The one Lightning module: batches to a vector of losses, a weighting makes one update of it, metrics tell how
good it is.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from inspect import signature
from math import isfinite
from typing import Any, Protocol

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch._functorch import config as functorch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from mtl.distributed import mean_over_processes, mean_over_rows, processes
from mtl.errors import InputError
from mtl.gradients.task_gradients import add_mean_gradient
from mtl.module.evaluation import Evaluation
from mtl.module.loss_meter import Diverged, Tally
from mtl.network import Network
from mtl.nn.encoder import Inputs
from mtl.suites.base import Batch
from mtl.tasks import TaskGraph, labelled
from mtl.weighting.base import Step, Weighting

OptimizerFactory = Callable[[list[dict[str, Any]]], Optimizer]
SchedulerFactory = Callable[[Optimizer], LRScheduler]


@dataclass
class Moment:
    """The optimizer step under way: what ``training_step`` leaves for what follows. Attributes of its own, because
    those of a module are looked at one by one as if they were parameters.

    Attributes:
        losses: shares of the task losses of the batch under way.
        step: where that batch stands.
        representation: where the weighting compares gradients, if it does so there.
        inputs: of the batches so far.
        again: the batches so far and the factors of their losses, for weightings that look at them once more.
        weights: effective ones of the last optimizer step, ``[K]``.
    """

    losses: list[Tensor] = field(default_factory=list)
    step: Step = field(default_factory=Step)
    representation: Tensor | None = None
    inputs: list[Inputs] = field(default_factory=list)
    again: list[tuple[Batch, list[float]]] = field(default_factory=list)
    weights: Tensor | None = None


class Data(Protocol):
    """What the module asks of the data module it is trained with."""

    def validation_rollout(self, predict: Callable[[Any], dict[str, Tensor]]) -> dict[str, float]:
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
        self.tally = Tally(graph.names)
        self.evaluation = Evaluation(graph)
        self._now = Moment()
        self._random_state: dict[str, Tensor] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. Lightning notes the hook under way some fifty times a step, which need not be looked at
        each time as if it were a parameter.
        """
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    # Hooks that have no word here. Lightning passes over them as they are, and would call empty ones at every step
    on_train_batch_start: Any = None
    on_before_zero_grad: Any = None
    on_before_backward: Any = None
    on_after_backward: Any = None
    on_before_optimizer_step: Any = None

    @property
    def weights(self) -> Tensor | None:
        """Effective weights of the last optimizer step, ``[K]``; None before the first."""
        return self._now.weights

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
        now, batches = self._now, self.trainer.accumulate_grad_batches
        now.inputs = [*([] if now.step.last else now.inputs), batch.inputs]
        if self.weighting.needs_representation:
            predictions, now.representation = self.network.with_representation(batch.inputs)
        else:
            predictions = self(batch.inputs)
        sums = self.sums(predictions, batch)
        counts = batch.counts or self.counts(batch, batches)
        shares = [processes() * batches / max(n, 1) for n in counts]
        now.losses = [total * share for total, share in zip(sums, shares, strict=True)]
        if self.weighting.looks_again:
            now.again.append((batch, shares))
        last = (batch_idx + 1) % batches == 0 or self.trainer.is_last_batch
        tasks = tuple(i for i, n in enumerate(counts) if n)
        now.step = Step(tasks, batches, last)
        with torch.no_grad():  # the graph hangs on the single losses, which backward takes
            losses = torch.stack(now.losses)
        self.tally.add(self.global_step, tasks, 1 / batches, losses)
        return losses

    def counts(self, batch: Batch, batches: int) -> tuple[int, ...]:
        """Labelled rows in the step when the loader does not know: as if every accumulated batch had as many as
        this one.
        """
        rows = [labelled(batch.targets[name]).sum() for name in self.graph.names]
        mean = mean_over_processes(torch.stack(rows).float()) * (processes() * batches)
        return tuple(int(n) for n in mean.round().tolist())

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Hand the losses to the weighting. ``loss`` is what Lightning made of them: divided by the accumulated batches
        and, in half precision, multiplied by the gradient scaler; the factor is worked out and applied to the whole
        update.
        """
        now, step = self._now, self._now.step
        scale = 1.0
        if self.trainer.precision == "16-mixed":
            raw = torch.stack([one.detach() for one in now.losses])
            ratio = float((loss.detach() / raw).nan_to_num(0.0, 0.0, 0.0).amax())
            # Losses that are all 0 have no gradient and a broken one is reported elsewhere: any factor will do
            scale = ratio * step.batches or 1.0
        if not step.tasks:  # no row of the whole step has any label
            return
        shared, private, layer = self.partition
        weights = self.weighting.backward(
            now.losses,
            shared,
            [private[name] for name in self.graph.names],
            layer,
            Step(step.tasks, step.batches, step.last, scale),
            now.representation,
        )
        now.losses, now.representation = [], None
        if step.last:
            now.weights = weights
            penalty = self.network.penalty(now.inputs, mean_over_rows)
            if penalty.requires_grad:
                add_mean_gradient(penalty * scale, [p for p in self.network.parameters() if p.requires_grad])

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
        if self._now.step.last:
            self.weighting.after_step(self._losses_again)
            self._now.again = []
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
        again = self._now.again
        for batch, shares in again:
            total += torch.stack(self.losses(batch)) * torch.tensor(shares, device=self.device) / len(again)
        return mean_over_processes(total)

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
        self.weighting.on_epoch_end(self.tally.of_epoch())

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

    def on_validation_start(self) -> None:
        """Do not validate, and so do not save, a network that has diverged."""
        self.tally.check_finite()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count one batch."""
        self.evaluation.add(self(batch.inputs), batch)

    def on_validation_epoch_end(self) -> None:
        """Log what was measured, and how acting with the network went."""
        values = self.evaluation.result()
        if "score" not in values:
            raise InputError("no row of the val split has a label: nothing to select a checkpoint by")
        for name in self.graph.names:
            if not isfinite(values.get(f"loss/{name}", 0.0)):  # the last step can break the network unseen
                raise Diverged.at(self.global_step, f"validation loss of task '{name}'")
        data: Data = self.trainer.datamodule  # type: ignore[attr-defined]
        values |= data.validation_rollout(self.predict)
        if not self.trainer.sanity_checking:
            self.log_dict({f"val/{key}": value for key, value in values.items()})

    @torch.inference_mode()
    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        """Raw predictions for inputs on any device, in evaluation mode, on the device of the inputs."""
        training = self.network.training
        self.network.eval()
        moved = {name: values.to(self.device) for name, values in inputs.items()}
        device = next(iter(inputs.values())).device
        out = {name: value.to(device) for name, value in self(moved).items()}
        self.network.train(training)
        return out

    @torch.inference_mode()
    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Metrics, losses and score over these batches; see :meth:`~mtl.module.evaluation.Evaluation.result`."""
        training = self.training
        self.eval()
        for batch in batches:
            moved = self.transfer_batch_to_device(batch, self.device, 0)
            self.evaluation.add(self(moved.inputs), moved)
        self.train(training)
        return self.evaluation.result()


# Lightning reads the signature at every step, and finds it faster where it is written down
MultiTaskModule.training_step.__signature__ = signature(MultiTaskModule.training_step)  # type: ignore[attr-defined]
