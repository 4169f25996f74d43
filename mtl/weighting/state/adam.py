"""Adam for the numbers that a method moves itself."""

import torch
from torch import Tensor, nn

DECAYS = torch.tensor([[0.9], [0.999]], dtype=torch.float64)  # of the moments
EPSILON = 1e-8


class Adam(nn.Module):
    """Adam's moments of K numbers that a method moves itself, outside the optimizer of the network.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, https://arxiv.org/abs/1412.6980.

    Not ``torch.optim.Adam``: that keeps its moments outside buffers, creates them in its first step, and updates all
    numbers of a tensor or none.

    Args:
        count: K.
        lr: length of a step.
    """

    moments: Tensor
    steps: Tensor

    def __init__(self, count: int, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.register_buffer("moments", torch.zeros(2, count))
        self.register_buffer("steps", torch.zeros(()))

    def step(self, gradient: Tensor, indices: Tensor | None = None) -> Tensor:
        """The step to subtract from the K numbers.

        Args:
            gradient: with respect to all numbers ``[K]``, or to some of them.
            indices: which ones; the others have gradient 0 in the moments, and step 0.

        Returns:
            ``[K]``.
        """
        full = gradient if indices is None else torch.zeros_like(self.moments[0]).index_copy(0, indices, gradient)
        self.steps += 1
        decays = DECAYS.to(full)
        self.moments.mul_(decays).add_((1 - decays) * torch.stack([full, full**2]))
        mean, square = self.moments / (1 - decays**self.steps)
        step: Tensor = self.lr * mean / (square.sqrt() + EPSILON)
        return step if indices is None else torch.zeros_like(step).index_copy(0, indices, step[indices])
