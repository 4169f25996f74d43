"""Writing an update to ``.grad``."""

from torch import Tensor

from mtl.gradients.accumulate import add_gradient, add_gradients
from mtl.gradients.task_gradients import TaskGradients
from mtl.weighting.base.step import Call


def write_update(call: Call, direction: Tensor, gathered: TaskGradients, factors: Tensor) -> None:
    """Add a direction to the shared parameters, and each task's gradient to its private ones.

    Args:
        call: the parameters, and the factor on every gradient written.
        direction: ``[P]``.
        gathered: the task gradients.
        factors: ``[M]``, of the private gradients.
    """
    add_gradient(direction if call.step.scale == 1.0 else direction * call.step.scale, call.shared)
    write_private(call, gathered, factors)


def write_private(call: Call, gathered: TaskGradients, factors: Tensor) -> None:
    """Add each task's gradient of its private parameters times its factor ``[M]``."""
    scaled = factors if call.step.scale == 1.0 else factors * call.step.scale
    add_gradients(gathered.weighted_private(scaled), call.private_parameters)
