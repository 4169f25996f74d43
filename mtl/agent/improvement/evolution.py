"""Evolution strategy with antithetic pairs: moves a vector towards those of its neighbours that do best."""

from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor

_AVERAGED = 0.5  # share of the generations, the last ones, whose means are averaged
_RANK_SLOPE = 1 / (2 * sqrt(pi))  # mean product of a standard normal number and its centred rank, in -1/2 .. 1/2


@dataclass
class Evolution:
    """A search in D dimensions whose state is these tensors, so that it can be written down and gone on with.

    Every generation draws P members around the mean, in pairs that lie opposite to each other: ``mean + s e`` and
    ``mean - s e`` with ``e`` standard normal. With the centred rank ``u`` of each member, 1/2 for the best and -1/2 for
    the worst, the mean moves by ``rate s sum(u e) / (c P)``; ``c`` is such that, were the costs a plane and
    ``rate`` 1, it would move by ``s`` down the slope. The result is the average of the means of the last half of the
    generations, as each mean alone is noisy.

    Sources: T. Salimans et al., "Evolution strategies as a scalable alternative to reinforcement learning", 2017,
    https://arxiv.org/abs/1703.03864; averages of iterates: B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic
    approximation by averaging", SIAM Journal on Control and Optimization 30(4), 1992,
    https://doi.org/10.1137/0330046.

    Deviations: a plain step in place of Adam, whose statistics need more generations than are affordable here; no
    weight decay.

    Attributes:
        mean: ``[D]``.
        total: ``[D]`` sum of the means to be averaged.
        counted: how many these are.
        generation: how many generations there have been.
    """

    mean: Tensor
    total: Tensor
    counted: int = 0
    generation: int = 0

    @classmethod
    def start(cls, mean: Tensor) -> "Evolution":
        """The search that begins at ``mean`` ``[D]``."""
        return cls(mean.clone(), torch.zeros_like(mean))

    def members(self, count: int, spread: float, seed: int) -> Tensor:
        """The members of the next generation, ``[P, D]``; they depend on the state and the arguments alone.

        Args:
            count: P, an even number.
            spread: s, the standard deviation of each dimension.
            seed: of the random numbers.

        Returns:
            The members.
        """
        generator = torch.Generator().manual_seed(seed * 1_000_003 + self.generation)
        half = spread * torch.randn(count // 2, len(self.mean), generator=generator)
        return self.mean + torch.cat([half, -half])

    def update(self, members: Tensor, costs: Tensor, rate: float, generations: int) -> None:
        """Move to the next generation.

        Args:
            members: of this one, ``[P, D]``.
            costs: of each, ``[P]``, lower being better.
            rate: how far to move.
            generations: how many there will be in all.
        """
        count = len(members)
        # Equal costs have equal ranks: else the order of the members would decide
        lower = (costs[:, None] > costs).sum(1) + ((costs[:, None] == costs).sum(1) - 1) / 2
        ranks = 0.5 - lower / (count - 1)
        self.mean = self.mean + rate / (_RANK_SLOPE * count) * (ranks[:, None] * (members - self.mean)).sum(0)
        self.generation += 1
        if self.generation > (1.0 - _AVERAGED) * generations:
            self.total = self.total + self.mean
            self.counted += 1

    @property
    def average(self) -> Tensor:
        """``[D]``: the average of the last means; before there is one the mean."""
        return self.total / self.counted if self.counted else self.mean
