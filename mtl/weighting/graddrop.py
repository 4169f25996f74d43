"""In every parameter only gradients of one sign survive."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import DirectionWeighting, check_number
from mtl.weighting.state.draws import Draws


class GradDrop(DirectionWeighting):
    """Gradient sign dropout.

    Source: Chen, Ngiam, Huang, Luong, Kretzschmar, Chai, Anguelov, "Just Pick a Sign: Optimizing Deep Multitask Models
    with Gradient Sign Dropout", NeurIPS 2020, https://arxiv.org/abs/2010.06808.

    In each parameter, with the task gradients ``g_i`` there, ``P = 1/2 (1 + sum_i g_i / sum_i |g_i|)``; with
    probability P all negative ones are dropped, else all positive ones, and the rest is added. With ``leak`` l each
    task keeps ``l g_i`` in any case. Heads get the plain gradient.

    Deviation: applied to the gradients of the shared parameters; the paper drops gradients of one activation layer,
    multiplied by the activation and summed over the batch.

    Args:
        num_tasks: K.
        leak: share of every gradient that is never dropped, 0 to 1 (1: equal weights).
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(self, num_tasks: int, leak: float = 0.0, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("leak", leak, least=0, most=1)
        self.leak = leak
        self.draws = Draws()

    @override
    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        drawn = torch.rand(jacobian.shape[1:], generator=self.draws.generator()).to(jacobian)
        total, size = jacobian.sum(0), jacobian.abs_().sum(0)
        # Those of one sign add up to 1/2 (total +- size); positive ones are kept where ``drawn < P``
        above = drawn.mul_(-2).add_(1).mul_(size).add_(total)
        surviving = torch.copysign(size, above, out=size).add_(total).mul_(0.5)
        if self.leak > 0:
            surviving.lerp_(total, self.leak)
        return surviving, losses.new_ones(len(losses))
