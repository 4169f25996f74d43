"""What there is to learn: a task is one objective with its head, loss and metrics; a graph relates tasks."""

from mtl.tasks.counts import count
from mtl.tasks.graph import TaskGraph
from mtl.tasks.kinds import binary, choice, choice_loss, classification, conditional, regression
from mtl.tasks.ordinal import ordinal
from mtl.tasks.quantiles import quantiles
from mtl.tasks.survival import survival
from mtl.tasks.task import NO_LABEL, HeadFactory, Loss, Task, labelled
from mtl.tasks.weighted import with_row_weights

__all__ = [
    "NO_LABEL",
    "HeadFactory",
    "Loss",
    "Task",
    "TaskGraph",
    "binary",
    "choice",
    "choice_loss",
    "classification",
    "conditional",
    "count",
    "labelled",
    "ordinal",
    "quantiles",
    "regression",
    "survival",
    "with_row_weights",
]
