"""Tells the scheduler ``plateau`` how validation went."""

from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.config.run_result import LOSS
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.training.plateau import Plateau
from mtl.training.task_groups import groups_of_tasks


class PlateauWatch(EpochCallback):
    """After each validation, gives every parameter group the quantity that it is about; nothing under other schedulers.

    That is what selects the checkpoint. Where nothing is shared it is a task's own validation loss, or of the task that
    acts how acting went, as for :class:`~mtl.training.callbacks.patience.Patience`.

    Args:
        selection: the validation quantity that selects, and its mode, "min" or "max".
        acting: the task that it is about; None: all.
    """

    def __init__(self, selection: tuple[str, str], acting: str | None = None) -> None:
        self.selection, self.acting = selection, acting

    @override
    def on_validation_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        schedule = next(
            (one.scheduler for one in trainer.lr_scheduler_configs if isinstance(one.scheduler, Plateau)), None
        )
        if schedule is None or trainer.sanity_checking:
            return
        own = groups_of_tasks(module, trainer.optimizers[0]) if module.nothing_shared else {}
        tasks = {group: task for task, groups in own.items() for group in groups}
        for group in range(len(schedule.shares)):
            task = tasks.get(group, "")  # a weighting's group is about all tasks
            metric, mode = self.selection if task in ("", self.acting) else (f"val/{task}/{LOSS}", "min")
            if metric in trainer.callback_metrics:
                value = float(trainer.callback_metrics[metric]) * (1 if mode == "min" else -1)
                schedule.observe(group, trainer.strategy.broadcast(value))  # all processes go by the first
