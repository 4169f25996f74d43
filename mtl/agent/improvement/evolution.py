"""Evolution strategy with antithetic pairs: moves a vector towards those of its neighbours that do best."""

from dataclasses import dataclass

import torch
from torch import Tensor

_ELITE = 0.25  # share of the members that the mean moves towards
_LAST = 0.2  # weight of the worst of them, beside 1 of the best
_RATE = 0.6  # of the way to their mean
_SPREAD_RATE = 0.1  # of the way to their spread
_SMALLEST_SPREAD = 0.2  # of the first one
_AVERAGED = 0.5  # share of the generations, the last ones, whose means are averaged


@dataclass
class Evolution:
    """A search in D dimensions whose state is these tensors, so that it can be written down and gone on with.

    Every generation draws P members around the mean, in pairs that lie opposite to each other: ``mean +- spread * e``
    with ``e`` standard normal. The mean moves towards the weighted mean of the best quarter, where weights depend on
    ranks alone, and the spread of each dimension towards that of the best quarter around the mean. The result is the
    average of the means of the last half of the generations, as each mean alone is noisy.

    Sources: a (mu/mu_w, lambda) evolution strategy whose dimensions have a spread each: R. Ros and N. Hansen, "A simple
    modification in CMA-ES achieving linear time and space complexity", PPSN 2008,
    https://doi.org/10.1007/978-3-540-87700-4_30; antithetic pairs and ranks as in T. Salimans et al., "Evolution
    strategies as a scalable alternative to reinforcement learning", 2017, https://arxiv.org/abs/1703.03864; averages of
    iterates: B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on
    Control and Optimization 30(4), 1992, https://doi.org/10.1137/0330046.

    Deviations: no evolution paths, which need more generations than are affordable here; spreads do not fall below a
    fifth of the first one, since the objective is noisy and the averaging takes care of the rest.

    Attributes:
        mean: ``[D]``.
        spread: ``[D]`` standard deviation of the members in each dimension.
        total: ``[D]`` sum of the means to be averaged.
        counted: how many these are.
        generation: how many generations there have been.
    """

    mean: Tensor
    spread: Tensor
    total: Tensor
    counted: int = 0
    generation: int = 0

    @classmethod
    def start(cls, mean: Tensor, spread: float) -> "Evolution":
        """The search that begins at ``mean`` ``[D]`` with the same spread in every dimension."""
        return cls(mean.clone(), torch.full_like(mean, spread), torch.zeros_like(mean))

    def members(self, count: int, seed: int) -> Tensor:
        """The members of the next generation, ``[P, D]``; they depend on the state and the seed alone.

        Args:
            count: P, an even number.
            seed: of the random numbers.

        Returns:
            The members.
        """
        generator = torch.Generator().manual_seed(seed * 1_000_003 + self.generation)
        half = torch.randn(count // 2, len(self.mean), generator=generator) * self.spread
        return self.mean + torch.cat([half, -half])

    def update(self, members: Tensor, costs: Tensor, first_spread: float, generations: int) -> None:
        """Move to the next generation.

        Args:
            members: of this one, ``[P, D]``.
            costs: of each, ``[P]``, lower being better.
            first_spread: the spread that the search began with.
            generations: how many there will be in all.
        """
        count = max(1, round(_ELITE * len(members)))
        best = members[costs.argsort(stable=True)[:count]]
        weights = torch.linspace(1.0, _LAST, count)[:, None]
        self.mean = self.mean + _RATE * ((best * weights).sum(0) / weights.sum() - self.mean)
        around = (best - self.mean).square().mean(0).sqrt()
        spread = (1.0 - _SPREAD_RATE) * self.spread + _SPREAD_RATE * around
        self.spread = spread.clamp(min=_SMALLEST_SPREAD * first_spread)
        self.generation += 1
        if self.generation > (1.0 - _AVERAGED) * generations:
            self.total = self.total + self.mean
            self.counted += 1

    @property
    def average(self) -> Tensor:
        """``[D]``: the average of the last means; before there is one the mean."""
        return self.total / self.counted if self.counted else self.mean
