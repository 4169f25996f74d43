"""From the Gramian to weights, some tasks being preferred."""

from mtl.weighting.base.gradient import GradientWeighting
from mtl.weighting.state.per_task_option import PerTaskNumbers
from mtl.weighting.state.preference import Preference


class PreferringWeighting(GradientWeighting):
    """A weighting of gradients that takes a preference p among the tasks. Heads get the plain gradient.

    Args:
        num_tasks: K.
        preference: p by task or in order; divided by its sum. Default equal.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    weights_private = False

    def __init__(
        self,
        num_tasks: int,
        preference: PerTaskNumbers = None,
        at: str = "parameters",
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, at, normalise)
        self.preference = Preference(num_tasks, preference)
