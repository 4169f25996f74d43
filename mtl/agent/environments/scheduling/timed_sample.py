"""The best of as many samples as fit into a time."""

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from typing_extensions import override

from mtl.agent.environments.scheduling.decoders import Decoder, Sample, rows_at_once
from mtl.suites.scheduling.rollout import Policy
from mtl.suites.scheduling.shops import Shops


class TimedSample(Decoder):
    """As :class:`Sample`, with a time in place of a number of samples.

    The first sample, the greedy one, is drawn in any case. Then each shop's samples are drawn in groups, each twice as
    large as the one before, as long as one that takes as many seconds per sample would be there in time.

    Args:
        seconds: of one shop.
        temperature: see :class:`Sample`.
        seed: likewise.
        clock: tells the time; default: wall-clock time.
    """

    def __init__(
        self,
        seconds: float,
        temperature: float = 0.05,
        seed: int = 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.seconds, self.sample, self.clock = seconds, Sample(1, temperature, seed), clock

    @property
    @override
    def label(self) -> str:
        return f"sam-\nples\n{self.seconds:g} s"

    @override
    def beside(self, others: Sequence[Policy], scale: float = 1.0) -> Decoder:
        decoder = TimedSample(self.seconds, clock=self.clock)
        decoder.sample = self.sample.beside(others, scale)
        return decoder

    @override
    def decode(self, policy: Policy, shops: Shops) -> Tensor:
        return torch.stack([self._best(policy, shops.take(torch.tensor([row]))) for row in range(len(shops))])

    def _best(self, policy: Policy, shop: Shops) -> Tensor:
        """Start times ``[J, K]`` of the shortest schedule of one shop, of equals the first."""
        began = self.clock()
        best, makespan, drawn, count = torch.empty(0), torch.inf, 0, 1
        while count:
            since = self.clock()
            samples = torch.arange(drawn, drawn + count)
            built, costs = self.sample.drawn(policy, shop.take(torch.zeros_like(samples)), samples)
            row = int(costs.argmin())
            if float(costs[row]) < makespan:
                best, makespan = built.starts[row], float(costs[row])
            drawn += count
            each = (self.clock() - since) / count
            left = self.seconds - (self.clock() - began)
            count = min(2 * count, rows_at_once(shop), max(0, int(left / each)))
        return best
