"""The Lightning module of a stack: one step for all its members."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import override

from mtl.module.constant_losses import constant_losses
from mtl.module.lightning import LeanModule
from mtl.module.losses import share_factors
from mtl.module.module import acted_in_validation, partly_missing
from mtl.module.reached import ReachedParameters
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Batch
from mtl.suites.stacked_loader import StackedBatch, StackedLoader
from mtl.training.callbacks import Timer
from mtl.training.stack.member import Member, SharedTimer
from mtl.training.stack.optimizer import StackedOptimizer
from mtl.training.stack.parameters import StackedParameters
from mtl.training.stack.weighing import write_gradients
from mtl.weighting.base import Step


class StackedModule(LeanModule):
    """Trains the networks of several runs in one pass a step; each run has its own weighting, optimizer and callbacks.

    The losses of all members come from one pass through the stacked parameters, and so do their gradients, or from one
    pass for each task (:mod:`mtl.training.stack.weighing`). What Lightning calls at other times is handed on to each
    member, whose callbacks see a trainer of their own (:class:`~mtl.training.stack.member.Member`).

    Args:
        members: runs of one shape.
        data: their suites, with the same rows.
        clip: largest norm of a member's gradient; None: no limit.
        on_end: called with a member when its training has ended, before the others go on.

    Attributes:
        members: those that are still trained.
        saved: the member of which a checkpoint is being written.
    """

    def __init__(
        self,
        members: Sequence[Member],
        data: Sequence[MultiTaskDataModule],
        clip: float | None,
        on_end: Callable[[Member], None],
    ) -> None:
        super().__init__()
        self.members, self._clip, self._on_end = list(members), clip, on_end
        self._data = dict(zip(members, data, strict=True))
        self.stack = StackedParameters(
            [member.module for member in members], [member.random_state for member in members]
        )
        self.updates = StackedOptimizer(members, self.stack)
        self.saved: Member | None = None
        self._losses: list[Tensor] = []  # [R] of each task, with their graph
        self._reached = ReachedParameters(self.stack.leaves)  # of one are those of all

    def loader(self) -> StackedLoader:
        """The training batches of all members."""
        return StackedLoader([self._data[member].loader("train", training=True, world=1) for member in self.members])

    # -- training ------------------------------------------------------------------------------------------------------

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        return self.updates.optimizer

    @override
    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch

    @override
    def on_fit_start(self) -> None:
        for member in self.members:
            member.trainer, member.members = self.trainer, len(self.members)
            member.call("on_fit_start")

    @override
    def on_train_start(self) -> None:
        asking = [member for member in self.members if member.module.weighting.needs_initial_losses]
        if asking:  # they depend on the labels, which are the same for all
            rows = self._data[asking[0]].loader("train")
            losses = constant_losses(asking[0].module.network, rows)
            for member in asking:
                member.module.weighting.on_initial_losses(losses)
        for member in self.members:
            member.module.loss_meter.partly_missing = partial(partly_missing, self._data[member])
        self._each(lambda member: member.call("on_train_start"))

    @override
    def on_train_epoch_start(self) -> None:
        self._each(lambda member: member.call("on_train_epoch_start"))
        now = self.trainer.current_epoch + 1
        self.trainer.check_val_every_n_epoch = now if any(member.validates for member in self.members) else now + 1
        cast(StackedLoader, self.trainer.train_dataloader).set_epoch(self.trainer.current_epoch)

    @override
    def training_step(self, batch: StackedBatch, batch_idx: int) -> Tensor:
        self.updates.group()
        sums = self.stack.loss_sums(batch)
        found = {counts: share_factors(counts, 1) for counts in set(batch.counts)}  # mostly one for all members
        factors = torch.tensor([found[counts] for counts in batch.counts], dtype=sums[0].dtype)  # [R, K]
        positions = {counts: Step(tuple(k for k, n in enumerate(counts) if n)) for counts in found}
        self._losses = [total * factor for total, factor in zip(sums, factors.unbind(1), strict=True)]
        self._reached.look(self._losses)
        losses = torch.stack([loss.detach() for loss in self._losses], 1)
        step = self.global_step
        for member, counts, own in zip(self.members, batch.counts, losses, strict=True):
            member.module.step.state.position = positions[counts]
            member.module.loss_meter.add(step, positions[counts].tasks or (), 1.0, own)
        return losses

    @override
    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        pass  # gradients are written over

    @override
    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        write_gradients(self.stack, self.members, self._losses)
        self._losses = []
        for member in self.members:
            member.module.look_at_weights(self.global_step)

    @override
    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        if self._clip is not None:
            clip_gradients(self.stack, self.members, self._clip)

    @override
    def on_train_batch_end(self, outputs: Any, batch: StackedBatch, batch_idx: int) -> None:
        self.updates.after_step()
        last = self.trainer.is_last_batch
        losses = outputs["loss"].unbind()
        for number, member in enumerate(self.members):
            member.schedule(epoch_ends=last)
            own = batch.of(number) if last else None  # of the others nobody looks at the rows
            member.attempt(partial(end_batch, member, losses[number], own, batch_idx))

    @override
    def on_train_epoch_end(self) -> None:
        self._each(lambda member: member.call("on_train_epoch_end", checkpoints=False))
        self._each(lambda member: member.module.weighting.on_epoch_end(member.module.loss_meter.epoch_mean()))
        note = self._reached.conclude()
        if note:
            self.members[0].module.note(note)
            for member in self.members[1:]:
                member.module.notes.append(note)
        self._each(lambda member: member.call("on_train_epoch_end", checkpoints=True))
        if any(member.ends for member in self.members):
            self._part()

    # -- validation ----------------------------------------------------------------------------------------------------

    @override
    def on_validation_start(self) -> None:
        def begin(member: Member) -> None:
            member.call("on_validation_start")
            member.module.check_finite()

        self._each(begin, validated=True)

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        predictions = self.stack.predict(batch.inputs)
        for number, member in enumerate(self.members):
            if member.validates:
                own = {name: values[number] for name, values in predictions.items()}
                member.module.evaluation.add(own, batch)

    @override
    def on_validation_epoch_end(self) -> None:
        def measure(member: Member) -> None:
            measured = member.module.evaluation.validation_result(self.global_step)
            acted = acted_in_validation(self._data[member], member.module.predict)
            member.log_validation(measured.flat("val/") | {f"val/{key}": value for key, value in acted.items()})

        self._each(measure, validated=True)

    @override
    def on_validation_end(self) -> None:
        self._each(lambda member: member.call("on_validation_end"), validated=True)

    # -- members -------------------------------------------------------------------------------------------------------

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        assert self.saved is not None
        self._keep_random_states()
        self.saved.fill(checkpoint)

    def _keep_random_states(self) -> None:
        for member, generator in zip(self.members, self.stack.generators, strict=True):
            member.random_state = generator.get_state()

    def _each(self, act: Callable[[Member], None], *, validated: bool = False) -> None:
        """Do something with each member that goes on, or that is validated now."""
        for member in self.members:
            if not validated or member.validates:
                member.attempt(partial(act, member))

    def _part(self) -> None:
        """Let go of the members whose training has ended; the others go on."""
        ended = [member for member in self.members if member.ends]
        stay = [number for number, member in enumerate(self.members) if not member.ends]
        for member in self.members:
            for timer in timers(member):
                timer.settle(len(self.members))
        self._keep_random_states()
        self.stack.keep(stay, [member.module for member in self.members])
        self.updates.keep(stay)
        self.members = self.updates.members
        if stay:
            cast(StackedLoader, self.trainer.train_dataloader).keep(stay)
        else:
            self.trainer.fit_loop.max_epochs = self.trainer.current_epoch + 1
        for member in ended:
            member.attempt(partial(member.call, "on_train_end"))
            member.end()
            self._on_end(member)
        for member in self.members:
            member.members = len(self.members)
            for timer in timers(member):
                timer.skip()


def end_batch(member: Member, losses: Tensor, batch: Batch | None, number: int) -> None:
    """Tell a member's callbacks of the end of a batch."""
    member.call("on_train_batch_end", {"loss": losses}, batch, number)


def timers(member: Member) -> list[SharedTimer]:
    """The callbacks of a member that count its seconds."""
    return [one for one in member.callbacks if isinstance(one, Timer) and isinstance(one, SharedTimer)]


def clip_gradients(stack: StackedParameters, members: Sequence[Member], limit: float) -> None:
    """Limit the norm of every member's whole gradient, or of each task's where a member shares nothing."""
    shared = stack.parts[0][1] > 0
    for start, end in [(0, stack.columns)] if shared else stack.parts[1:]:
        part = stack.gradients[:, start:end]
        norms = torch.linalg.vector_norm(part, dim=1)  # [R]
        learned = [list(member.module.weighting.parameters()) for member in members] if shared else []
        for number, parameters in enumerate(learned):
            for p in parameters:
                if p.grad is not None:
                    norms[number] = torch.hypot(norms[number], p.grad.norm())
        factors = (limit / (norms + 1e-6)).clamp(max=1.0)
        part.mul_(factors.unsqueeze(1))
        for factor, parameters in zip(factors, learned, strict=False):
            for p in parameters:
                if p.grad is not None:
                    p.grad.mul_(factor)
    for member in members if not shared else ():
        nn.utils.clip_grad_norm_(list(member.module.weighting.parameters()), limit)
