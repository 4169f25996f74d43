"""Which epoch is kept where nothing is shared: for each task its own best."""

from typing import Any

from pytorch_lightning import Trainer
from torch import Tensor
from typing_extensions import override

from mtl.config.run_result import LOSS
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule


class BestEpochPerTask(EpochCallback):
    """Keeps each task's values of its best epoch when no parameter is shared.

    The best epoch is that of its own validation loss, or, of the task that acts where acting selects the checkpoint,
    that of how acting went.

    Networks that share nothing are trained side by side only to save time. One checkpoint for all of them would be a
    compromise that single-task learning does not make, so every comparison would favour the other side. At the end the
    checkpoint of the best epoch is rewritten with each task's own best values.

    Does nothing where parameters are shared or a task sees another's prediction: there one epoch has to serve all.

    Args:
        selection: the validation quantity that selects, and its mode, "min" or "max".
        acting: the task that it is about; None: all.

    Attributes:
        losses: least validation loss so far, by task; of the acting task the selecting quantity, its sign such that
            less is better.
        epochs: its epoch, by task.
        values: the task's parameters and buffers at that epoch, by name.
    """

    def __init__(self, selection: tuple[str, str], acting: str | None = None) -> None:
        self.selection, self.acting = selection, acting
        self.losses: dict[str, float] = {}
        self.epochs: dict[str, int] = {}
        self.values: dict[str, Tensor] = {}

    @override
    def on_validation_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if trainer.sanity_checking or not module.nothing_shared:
            return
        owned = owners(module)
        state = module.state_dict()
        for task in module.graph.names:
            metric, mode = self.selection if task == self.acting else (f"val/{task}/{LOSS}", "min")
            if metric not in trainer.callback_metrics:
                continue
            loss = float(trainer.callback_metrics[metric]) * (1 if mode == "min" else -1)
            if loss < self.losses.get(task, float("inf")):
                self.losses[task], self.epochs[task] = loss, trainer.current_epoch
                self.values |= {
                    name: state[name].detach().cpu().clone() for name, owner in owned.items() if owner == task
                }

    def rewrite(self, checkpoint: dict[str, Any]) -> None:
        """Put each task's best values into the weights of a checkpoint."""
        checkpoint["state_dict"].update(self.values)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"losses": self.losses, "epochs": self.epochs, "values": self.values}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.losses, self.epochs = dict(state_dict["losses"]), dict(state_dict["epochs"])
        self.values = dict(state_dict["values"])


def owners(module: MultiTaskModule) -> dict[str, str]:
    """The task of each entry of the module's state that belongs to one: parameters, and buffers beside them."""
    task_of = {id(p): task for task, parameters in module.partition.private.items() for p in parameters}
    out: dict[str, str] = {}
    for prefix, part in module.named_modules():
        tasks = {task_of[id(p)] for p in part.parameters(recurse=False) if id(p) in task_of}
        if len(tasks) == 1:
            (task,) = tasks
            names = [name for name, _ in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False))]
            out |= {f"{prefix}.{name}" if prefix else name: task for name in names}
    kept = module.state_dict().keys()
    return {name: task for name, task in out.items() if name in kept}
