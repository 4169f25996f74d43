"""The agent together with CP-SAT: the solver goes on from the agent's schedule."""

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from mtl.agent.environments.scheduling.decoders import Decoder, Greedy, check_classical
from mtl.agent.environments.scheduling.seeds import check_seed
from mtl.agent.environments.scheduling.timed_sample import TimedSample
from mtl.errors import InputError
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.rollout import Policy
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.solver import solve
from mtl.suites.scheduling.unpacking import padded, shop_of
from mtl.suites.scheduling.window_search import shorten


class CpSatDecoder(Decoder):
    """The agent's greedy schedule, which CP-SAT shortens window by window in the time that is left.

    See :func:`~mtl.suites.scheduling.window_search.shorten`. Shops are scheduled one after the other. The schedule is
    never longer than the agent's greedy one, which is built to its end in any case, also where that takes longer than
    ``seconds``. An agent that has several dispatchers builds a schedule with each as long as there is time, first with
    those that are rules, of which one is built in any case; the network takes longer, and is asked in the end where
    there is as much time left as all rules together have taken.

    Args:
        seconds: wall-clock time of one shop, with that of the agent. Results depend on the machine.
        workers: parallel searches.
        alone: report beside it what agent and CP-SAT find without each other in as many seconds; this takes three times
            as long.
        seed: of the search and of the samples.

    Raises:
        InputError: an argument out of range.
    """

    def __init__(self, seconds: float = 10.0, workers: int = 2, *, alone: bool = True, seed: int = 0) -> None:
        if not 0.0 < seconds < float("inf"):
            raise InputError(f"decoder.seconds={seconds}: expected a number of seconds above 0")
        if workers < 1:
            raise InputError(f"decoder.workers={workers}: expected at least 1")
        self.seconds, self.workers, self.alone = seconds, workers, alone
        self.seed = check_seed("decoder.seed", seed)
        self.greedy: Decoder = Greedy()
        self.samples: Decoder = TimedSample(seconds, seed=self.seed)
        self.others: tuple[Policy, ...] = ()

    @property
    @override
    def label(self) -> str:
        return f"with CP-SAT, {self.seconds:g} s"

    @override
    def parts(self) -> Mapping[str, Decoder]:
        if not self.alone:
            return {}
        return {
            "greedy": self.greedy,
            "samples": self.samples,
            "cpsat_alone": SolverAlone(self.seconds, self.workers, self.seed),
        }

    @override
    def beside(self, others: Sequence[Policy], scale: float = 1.0) -> Decoder:
        decoder = CpSatDecoder(self.seconds, self.workers, alone=self.alone, seed=self.seed)
        decoder.greedy, decoder.samples = self.greedy.beside(others), self.samples.beside(others, scale)
        decoder.others = tuple(others)
        return decoder

    @override
    def check(self, instance: JobShop) -> None:
        check_classical(
            instance,
            "decoder=cpsat: its windows know routes and durations alone",
            "take decoder=greedy or sample, beside which CP-SAT stands with all of them",
        )

    @override
    def decode(self, policy: Policy, shops: Shops) -> Tensor:
        found = torch.full_like(shops.durations, -1.0)
        for row in range(len(shops)):
            instance = shop_of(shops, row)

            schedules = self._schedules(policy, shops.take(torch.tensor([row])), instance)
            solution = shorten(instance, schedules, self.seconds, workers=self.workers, seed=self.seed)
            found[row] = padded(solution.starts, shops)
        return found

    def _schedules(self, policy: Policy, shop: Shops, instance: JobShop) -> Iterator[NDArray[np.int64]]:
        """The greedy schedules of the dispatchers, each built when it is asked for."""
        began = time.perf_counter()
        for number, one in enumerate((*self.others, policy)):
            took = time.perf_counter() - began
            network = number == len(self.others)
            if network and number > 0 and took > self.seconds - took:
                return
            starts = Greedy().decode(one, shop)[0]
            yield starts[: instance.jobs, : instance.durations.shape[1]].round().long().numpy()


class SolverAlone(Decoder):
    """CP-SAT from an empty start: what it finds without an agent, whose scores it does not ask for.

    Args:
        seconds: wall-clock time of one shop.
        workers: parallel searches.
        seed: of the search.
    """

    def __init__(self, seconds: float, workers: int, seed: int) -> None:
        self.seconds, self.workers, self.seed = seconds, workers, seed

    @property
    @override
    def label(self) -> str:
        return f"SAT\nalone\n{self.seconds:g} s"

    @override
    def decode(self, policy: Policy, shops: Shops) -> Tensor:
        instances = [shop_of(shops, row) for row in range(len(shops))]
        found = [
            solve(one, float("inf"), seconds=self.seconds, workers=self.workers, seed=self.seed) for one in instances
        ]
        return torch.stack([padded(one.starts, shops) for one in found])
