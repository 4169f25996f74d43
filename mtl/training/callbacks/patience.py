"""Training goes on while validation improves; then the learning rate falls to zero, and training ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any

from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.config.run_result import LOSS
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.training.budget import Budget
from mtl.training.callbacks.best_epoch_per_task import owners
from mtl.training.cooldown import Cooldown
from mtl.training.snapshot import Snapshot, restore_snapshot, take_snapshot


@dataclass
class Part:
    """What is trained to an end of its own: the whole network, or where nothing is shared that of one task.

    Attributes:
        best: lowest value of its validation quantity so far, with the sign for which less is better.
        steps: optimizer steps until then.
        waited: validations since then.
        ended_by_patience: it has waited long enough.
        end: epochs after which its learning rate is zero; None: as the budget says.
        snapshot: its state at the best value, until patience has ended.
    """

    best: float = inf
    steps: int = 0
    waited: int = 0
    ended_by_patience: bool = False
    end: int | None = None
    snapshot: Snapshot = field(default_factory=dict)


class Patience(EpochCallback):
    """Ends a training that improves no more, with a cooldown of the learning rate.

    As soon as the quantity that selects the checkpoint has not improved in ``patience`` validations, the state of the
    best one is restored, and the learning rate falls to zero in so many steps that they are the share of all steps that
    the scheduler asks for (:class:`~mtl.training.cooldown.Cooldown`); then training ends. Where validation improves
    until then, the rate falls over the last share of the budget. Under another scheduler training just ends.

    Where nothing is shared, every task is trained as it would be alone: by its own validation loss, or the acting one
    by how acting went, it has its own patience, goes back to its own best state, and cools down by itself; the training
    ends with the last of them.

    Lightning's ``EarlyStopping`` knows one quantity for all, and no end to which a learning rate could fall.

    Args:
        patience: validations; None: the budget alone ends the training.
        budget: the most.
        selection: the validation quantity that selects, and its mode, "min" or "max".
        acting: the task that it is about; None: all.

    Attributes:
        parts: by task where nothing is shared; else one, called "".
    """

    def __init__(
        self, patience: int | None, budget: Budget, selection: tuple[str, str], acting: str | None = None
    ) -> None:
        self.patience, self.budget, self.selection, self.acting = patience, budget, selection, acting
        self.parts: dict[str, Part] = {}
        self._steps = 0  # of an epoch

    @override
    def on_fit_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if not self.parts:  # else a checkpoint has been loaded by now
            self.parts = {name: Part() for name in (module.graph.names if module.nothing_shared else ("",))}

    @override
    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        # Not those of the budget, since an argument of the trainer may limit the batches
        self._steps = ceil(int(trainer.num_training_batches) / trainer.accumulate_grad_batches)
        schedule = _cooldown(trainer)
        if schedule is not None:
            end = self.budget.epochs * self._steps
            start = min(round((1 - schedule.share) * end), end - 1)
            for group, span in enumerate(schedule.spans):
                if span is None:  # else a checkpoint has been loaded by now
                    schedule.begin(group, start, end)
        self._set_end(trainer)

    @override
    def on_train_epoch_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if trainer.current_epoch + 1 == trainer.max_epochs:
            trainer.check_val_every_n_epoch = 1  # the last epoch is validated in any case

    @override
    def on_validation_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if self.patience is None or trainer.sanity_checking:
            return
        for number, (name, part) in enumerate(self.parts.items()):
            if part.ended_by_patience or self._cooling(trainer, number):
                continue
            metric, mode = self.selection if name in ("", self.acting) else (f"val/{name}/{LOSS}", "min")
            if metric not in trainer.callback_metrics:
                continue
            # All processes decide by what the first has measured
            value = trainer.strategy.broadcast(float(trainer.callback_metrics[metric]) * (1 if mode == "min" else -1))
            groups = self._groups(trainer, number)
            optimizer = trainer.optimizers[0]
            if value < part.best:
                part.best, part.steps, part.waited = value, trainer.global_step, 0
                names = [key for key, owner in owners(module).items() if owner == name] if name else module.state_dict()
                part.snapshot = take_snapshot(module.state_dict(), names, optimizer, groups)
                continue
            part.waited += 1
            if part.waited >= self.patience:
                self._end(trainer, module, part, groups)
        self._set_end(trainer)

    def still_improving(self, chosen: Mapping[str, int]) -> bool:
        """Whether a part was at its best in the last epoch of the budget, and has not ended by patience.

        Args:
            chosen: the epoch that is kept, from 0, by name of the part.

        Returns:
            True if so.
        """
        return any(
            chosen[name] == self.budget.epochs - 1 and not part.ended_by_patience for name, part in self.parts.items()
        )

    def _end(self, trainer: Trainer, module: MultiTaskModule, part: Part, groups: list[int]) -> None:
        """Let a part go back to its best state and cool down from there."""
        part.ended_by_patience = True
        schedule, done = _cooldown(trainer), trainer.current_epoch + 1
        part.end = done
        if schedule is not None:
            restore_snapshot(part.snapshot, module, trainer.optimizers[0], groups)
            cooling = ceil(part.steps * schedule.share / (1 - schedule.share) / self._steps)
            part.end = min(done + cooling, self.budget.epochs)
            for group in groups:
                schedule.begin(group, done * self._steps, part.end * self._steps)
        part.snapshot = {}

    def _set_end(self, trainer: Trainer) -> None:
        """Train until the last part is at its end."""
        ends = [self.budget.epochs if part.end is None else part.end for part in self.parts.values()]
        trainer.fit_loop.max_epochs = max(ends)

    def _cooling(self, trainer: Trainer, number: int) -> bool:
        """Whether the learning rate of a part falls already."""
        schedule = _cooldown(trainer)
        return schedule is not None and schedule.factor(number, trainer.global_step + 1) < 1

    def _groups(self, trainer: Trainer, number: int) -> list[int]:
        """The optimizer's parameter groups of a part; the weighting's, if it has any, go with the last part."""
        every = len(trainer.optimizers[0].param_groups)
        if len(self.parts) == 1:
            return list(range(every))
        others = [part for i, part in enumerate(self.parts.values()) if i != number]
        last = all(part.ended_by_patience for part in others)
        return [number, *(range(len(self.parts), every) if last else ())]

    @override
    def state_dict(self) -> dict[str, Any]:
        return {name: vars(part) for name, part in self.parts.items()}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.parts = {name: Part(**values) for name, values in state_dict.items()}


def _cooldown(trainer: Trainer) -> Cooldown | None:
    """The scheduler, if it can cool down."""
    found = [config.scheduler for config in trainer.lr_scheduler_configs if isinstance(config.scheduler, Cooldown)]
    return found[0] if found else None
