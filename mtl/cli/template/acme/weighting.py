"""A weighting: how the losses of K tasks become one update."""

from torch import Tensor

from mtl.weighting.base import LossWeighting, check_number


class LargestFirst(LossWeighting):
    """Tasks with a larger loss get more weight: ``sum_i w_i L_i`` with ``w = K softmax(L / T)``, held constant.

    Args:
        num_tasks: K.
        temperature: T, above 0; large values make the weights equal.
        normalise: of the losses, before they are compared: none, loss_scale or gradient_norm.
    """

    def __init__(self, num_tasks: int, temperature: float = 1.0, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("temperature", temperature, above=0)
        self.temperature = temperature

    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        """Losses of the tasks that have labels in this step to the objective; ``tasks`` are their numbers."""
        weights = len(losses) * (losses.detach() / self.temperature).softmax(0)
        return (weights * losses).sum()
