"""Training goes on while validation improves; then the learning rate falls to zero, and training ends."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any

from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.config.run_result import LOSS
from mtl.errors import InputError
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.training.budget import Budget
from mtl.training.callbacks.best_epoch_per_task import owners
from mtl.training.cooldown import cooldown_of
from mtl.training.dropout import DropoutSwitch
from mtl.training.snapshot import Snapshot, restore_snapshot, take_snapshot
from mtl.training.task_groups import groups_of_tasks

SPACING = 1.1  # of the steps of a state that is kept, to those of the second next


@dataclass
class Part:
    """What is trained to an end of its own: the whole network, or where nothing is shared that of one task.

    Attributes:
        best: lowest value of its validation quantity so far, with the sign for which less is better.
        steps: optimizer steps until then.
        waited: validations since then.
        ended_by_patience: it has waited long enough.
        end: epochs after which its learning rate is zero; None: as the budget says.
        kept: states of it: the one that a cooldown would begin with, and until patience has ended those that later
            ones may; empty when the last cooldown has begun.
        again: a second cooldown has begun.
    """

    best: float = inf
    steps: int = 0
    waited: int = 0
    ended_by_patience: bool = False
    end: int | None = None
    kept: list[Snapshot] = field(default_factory=list)
    again: bool = False

    def keep(self, snapshot: Snapshot, share: float) -> None:
        """Keep the state of a new best value, and forget what no cooldown will begin with.

        Args:
            snapshot: of now.
            share: of all steps, those of a cooldown.
        """
        self.kept.append(snapshot)
        while len(self.kept) > 1 and self.kept[1]["steps"] <= (1 - share) * self.steps:
            del self.kept[0]
        if len(self.kept) > 2 and self.kept[-1]["steps"] < SPACING * self.kept[-3]["steps"]:
            del self.kept[-2]


class Patience(EpochCallback):
    """Ends a training that improves no more, with a cooldown of the learning rate.

    As soon as the quantity that selects the checkpoint has not improved in ``patience`` validations, an earlier state
    is restored, the last that was the best one until then and leaves steps enough. The learning rate falls to zero in
    as many steps as there were from it to the best one: at least the share that the scheduler asks for
    (:class:`~mtl.training.cooldown.Cooldown`). Then training ends. So the best number of steps at a constant rate is
    that of the whole; a network that is cooled down from its best state is trained longer, on small data into
    overfitting.

    Where validation improves until then, the rate falls over the last share of the budget. Under another scheduler
    training just ends.

    A second cooldown, where it is asked for, begins when the first has ended, with the same state, and takes as many
    steps, without dropout: a network that leaves features out at random cannot reproduce a target that follows almost
    exactly from the inputs, and on other data overfits without. Validation chooses among the epochs of both as ever.
    Dropout in the first part of a training alone is the early dropout of Liu, Xu, Jin, Shen, Darrell, "Dropout Reduces
    Underfitting", ICML 2023, https://arxiv.org/abs/2303.01500; there it ends at an epoch that is fixed in advance.
    There is no second cooldown of what has no dropout, or where the budget is spent.

    Where nothing is shared, every task is trained as it would be alone: by its own validation loss, or the acting one
    by how acting went, it has its own patience, goes back by itself, and cools down by itself; the training ends with
    the last of them that counts.

    Lightning's ``EarlyStopping`` knows one quantity for all, and no end to which a learning rate could fall.

    Args:
        patience: validations; None: the budget alone ends the training.
        budget: the most.
        selection: the validation quantity that selects, and its mode, "min" or "max".
        acting: the task that it is about; None: all.
        again: whether there is a second cooldown.
        auxiliary: tasks that do not count: where nothing is shared, the training does not wait for them.

    Attributes:
        parts: by task where nothing is shared; else one, called "".
    """

    def __init__(
        self,
        patience: int | None,
        budget: Budget,
        selection: tuple[str, str],
        acting: str | None = None,
        *,
        again: bool = False,
        auxiliary: Collection[str] = (),
    ) -> None:
        self.patience, self.budget, self.selection, self.acting = patience, budget, selection, acting
        self.again, self.auxiliary = again, auxiliary
        self._dropout: DropoutSwitch | None = None
        self.parts: dict[str, Part] = {}
        self._groups: list[list[int]] = []  # numbers of the optimizer's parameter groups, by part
        self._steps = 0  # of an epoch

    @override
    def on_fit_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if not self.parts:  # else a checkpoint has been loaded by now
            self.parts = {name: Part() for name in (module.graph.names if module.nothing_shared else ("",))}

    @override
    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if module.nothing_shared:
            self._groups = list(groups_of_tasks(module, trainer.optimizers[0]).values())
        if len(self.parts) == 1:
            self._groups = [list(range(len(trainer.optimizers[0].param_groups)))]
        # Not those of the budget, since an argument of the trainer may limit the batches
        self._steps = ceil(int(trainer.num_training_batches) / trainer.accumulate_grad_batches)
        schedule = cooldown_of(trainer)
        if schedule is not None:
            end = self.budget.epochs * self._steps
            start = min(round((1 - schedule.share) * end), end - 1)
            for group, span in enumerate(schedule.spans):
                if span is None:  # else a checkpoint has been loaded by now
                    schedule.begin(group, start, end)
        self._dropout = DropoutSwitch(module) if self.again else None
        without = self._without_second_cooldown(trainer)
        if without and trainer.is_global_zero:
            module.note(f"second_cooldown=true changes nothing: {without}")
        self._set_end(trainer)

    @override
    def on_train_epoch_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        # The last epoch is validated in any case
        trainer.check_val_every_n_epoch = 1 if trainer.current_epoch + 1 == trainer.max_epochs else self.budget.every
        for number, part in enumerate(self.parts.values()):
            if part.again and part.kept:  # not at the validation before, since the state of then is kept after it
                self._go_back(trainer, module, number)
                part.kept = []
            if self._dropout is not None:
                self._dropout.set(number, on=not part.again)

    @override
    def on_train_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if self._dropout is not None:
            self._dropout.restore()

    @override
    def on_validation_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if self.patience is None or trainer.sanity_checking:
            return
        schedule = cooldown_of(trainer)
        for number, (name, part) in enumerate(self.parts.items()):
            if self._may_cool_again(trainer, number, part):
                part.again = True
                self._cool(trainer, number)
            if part.ended_by_patience or self._cooling(trainer, number):
                continue
            metric, mode = self.selection if name in ("", self.acting) else (f"val/{name}/{LOSS}", "min")
            if metric not in trainer.callback_metrics:
                continue
            # All processes decide by what the first has measured
            value = trainer.strategy.broadcast(float(trainer.callback_metrics[metric]) * (1 if mode == "min" else -1))
            if value < part.best:
                part.best, part.steps, part.waited = value, trainer.global_step, 0
                names = [key for key, owner in owners(module).items() if owner == name] if name else module.state_dict()
                snapshot = take_snapshot(module.state_dict(), names, trainer.optimizers[0], self._groups[number])
                part.keep({**snapshot, "steps": trainer.global_step}, schedule.share if schedule else 0.0)
                continue
            part.waited += 1
            if part.waited >= self.patience:
                if not part.steps:
                    raise InputError(
                        f"{metric} was infinite in all of {part.waited} validations: nothing to select a checkpoint by"
                    )
                self._end(trainer, module, number)
        self._set_end(trainer)

    def still_improving(self, chosen: Mapping[str, int]) -> bool:
        """Whether a part that counts was at its best in the last epoch of the budget, and has not ended by patience.

        Args:
            chosen: the epoch that is kept, from 0, by name of the part.

        Returns:
            True if so.
        """
        return any(
            chosen[name] == self.budget.epochs - 1 and not part.ended_by_patience
            for name, part in self.parts.items()
            if name not in self.auxiliary
        )

    def _end(self, trainer: Trainer, module: MultiTaskModule, number: int) -> None:
        """Let a part go back and cool down."""
        part = list(self.parts.values())[number]
        part.ended_by_patience = True
        part.kept = part.kept[:1]
        self._go_back(trainer, module, number)
        self._cool(trainer, number)
        if self._dropout is None or not self._dropout.there_is(number):
            part.kept = []

    def _go_back(self, trainer: Trainer, module: MultiTaskModule, number: int) -> None:
        """Restore the state that a part has kept, with the whole learning rate, if a cooldown can follow."""
        schedule = cooldown_of(trainer)
        if schedule is None:
            return
        part, groups = list(self.parts.values())[number], self._groups[number]
        restore_snapshot(part.kept[0], module, trainer.optimizers[0], groups)
        for group in groups:
            trainer.optimizers[0].param_groups[group]["lr"] = schedule.base_lrs[group]

    def _cool(self, trainer: Trainer, number: int) -> None:
        """Let the learning rate of a part fall from the next step on."""
        part = list(self.parts.values())[number]
        schedule, done = cooldown_of(trainer), trainer.current_epoch + 1
        part.end = done
        if schedule is not None:
            groups = list(self._groups[number])
            cooling = max(part.steps - part.kept[0]["steps"], schedule.share * part.steps)
            part.end = min(done + ceil(cooling / self._steps), self.budget.epochs)
            if all(other.ended_by_patience for other in self.parts.values()):  # the weighting goes with the last
                of_parts = {group for numbers in self._groups for group in numbers}
                groups += [group for group in range(len(schedule.spans)) if group not in of_parts]
            for group in groups:
                schedule.begin(group, done * self._steps, part.end * self._steps)

    def _may_cool_again(self, trainer: Trainer, number: int, part: Part) -> bool:
        """Whether the first cooldown of a part has ended, and a second one is to follow."""
        asked = self._dropout is not None and self._dropout.there_is(number) and cooldown_of(trainer) is not None
        if not asked or part.end is None or part.again or not part.kept:
            return False
        return part.end <= trainer.current_epoch + 1 < self.budget.epochs

    def _without_second_cooldown(self, trainer: Trainer) -> str:
        """Why no part can have the second cooldown that is asked for; empty where one can, or none is asked for."""
        if self._dropout is None:
            return ""
        if self.patience is None:
            return "it follows the cooldown that patience begins, and patience=null begins none"
        if cooldown_of(trainer) is None:
            return "the learning rate has no cooldown, as scheduler=cooldown has"
        if not any(self._dropout.there_is(number) for number in range(len(self.parts))):
            return "it leaves out dropout, and the network has none"
        return ""

    def _set_end(self, trainer: Trainer) -> None:
        """Train until the last part that counts is at its end."""
        counted = [part for name, part in self.parts.items() if name not in self.auxiliary]
        ends = [self.budget.epochs if part.end is None else part.end for part in counted]
        trainer.fit_loop.max_epochs = max(ends)

    def _cooling(self, trainer: Trainer, number: int) -> bool:
        """Whether the learning rate of a part falls already."""
        schedule = cooldown_of(trainer)
        groups = self._groups[number]
        return schedule is not None and bool(groups) and schedule.factor(groups[0], trainer.global_step + 1) < 1

    @override
    def state_dict(self) -> dict[str, Any]:
        return {name: vars(part) for name, part in self.parts.items()}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.parts = {name: Part(**values) for name, values in state_dict.items()}
