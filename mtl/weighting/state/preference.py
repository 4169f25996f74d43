"""A preference among tasks, as a user gives it or as it changes from step to step."""

from torch import Tensor

from mtl.weighting.state.per_task_option import PerTaskNumbers, PerTaskOption


class Preference(PerTaskOption):
    """p of a weighting: one number for each task, of which the shares count.

    Args:
        num_tasks: K.
        given: by task or in order; None: equal.

    Attributes:
        is_given: whether a user has chosen it.
    """

    def __init__(self, num_tasks: int, given: PerTaskNumbers = None) -> None:
        super().__init__("weighting.preference", num_tasks, given)
        self.is_given = given is not None

    def set(self, preference: Tensor) -> None:
        """Take other numbers ``[K]``, as of a network that learns every preference."""
        self.values.copy_(preference)
