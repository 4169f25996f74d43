"""Fixed weights, given by the name of the task."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting
from mtl.weighting.state.per_task_option import PerTaskNumbers, PerTaskOption


class Fixed(LossWeighting):
    """``sum_i lambda_i L_i`` with constant lambda. Heads get the weighted gradient.

    Args:
        num_tasks: K.
        weights: lambda of each task in order, or by task name, where a task that is not named has 1. Finite, not
            negative, and at least one above 0.
        normalise: see :class:`~mtl.weighting.base.Weighting`.

    Raises:
        InputError: a value out of range; only zeros; a wrong number of values; a name that is no task (with the right
            ones).
    """

    linear = True
    constant = True
    low_weight_advice = ""

    def __init__(self, num_tasks: int, weights: PerTaskNumbers = None, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        self.weights = PerTaskOption("weighting.weights", num_tasks, weights)

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        return (self.weights.select(tasks) * losses).sum()
