"""The best of many schedules, each of which is made of the shortest ones so far."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from mtl.agent.environments.scheduling.decoders import Decoder, Greedy, check_classical, no_further_dispatcher
from mtl.agent.environments.scheduling.seeds import check_seed
from mtl.errors import InputError
from mtl.suites.scheduling.critical_swaps import CriticalSwaps
from mtl.suites.scheduling.discrepancy_search import DiscrepancySearch
from mtl.suites.scheduling.dispatch_order import Operations
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.rollout import Policy, RulePolicy
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.unpacking import padded, shop_of

_IMPROVED = 2  # schedules, the shortest different ones, that the local search goes on from


class Search(Decoder):
    """The best of many schedules, each of which is made of the shortest ones so far; all are counted.

    1. The greedy schedule of the dispatcher that asks the network.
    2. Those of the other dispatchers, which are rules, from the start to the end of the shop and from its end to its
       start. Then schedules in which single decisions of the rules are overruled:
       :class:`~mtl.suites.scheduling.discrepancy_search.DiscrepancySearch`.
    3. From the two shortest schedules on, neighbours on a machine change places:
       :class:`~mtl.suites.scheduling.critical_swaps.CriticalSwaps`.

    The result is never longer than the best of all dispatchers, where part 2 has as many schedules as there are. The
    search of a shop ends before where the shortest schedule is proven optimal by the bound of one machine, or where
    nothing is left to try.

    Args:
        samples: schedules per shop.
        swaps: share of these that are left to part 3.
        seed: the same seed gives the same schedules.

    Raises:
        InputError: an argument out of range; as it builds, if the agent has no dispatcher that is a rule.
    """

    def __init__(self, samples: int = 128, swaps: float = 0.25, seed: int = 0) -> None:
        if samples < 1:
            raise InputError(f"decoder.samples={samples}: expected at least 1")
        if not 0.0 <= swaps < 1.0:
            raise InputError(f"decoder.swaps={swaps}: expected a share of the schedules, from 0 to below 1")
        self.samples, self.swaps, self.seed = samples, swaps, check_seed("decoder.seed", seed)
        self.rules: tuple[Tensor, ...] = ()

    @property
    @override
    def label(self) -> str:
        return f"search of {self.samples}"

    @override
    def beside(self, others: Sequence[Policy], scale: float = 1.0) -> Decoder:
        decoder = Search(self.samples, self.swaps, self.seed)
        decoder.rules = tuple(one.rule for one in others if isinstance(one, RulePolicy))
        return decoder

    @override
    def check(self, instance: JobShop) -> None:
        check_classical(instance, "decoder=search: it builds schedules from both ends")

    @override
    def check_dispatchers(self) -> None:
        if not self.rules:
            raise no_further_dispatcher("decoder=search")

    @override
    def decode(self, policy: Policy, shops: Shops) -> Tensor:
        self.check_dispatchers()
        rules = torch.stack(self.rules).float().contiguous().numpy()
        starts = Greedy().decode(policy, shops)
        pool = ThreadPoolExecutor(torch.get_num_threads())
        try:
            found = pool.map(lambda row: self._search(shop_of(shops, row), rules, starts[row]), range(len(shops)))
            for row, one in enumerate(found):
                starts[row] = padded(one, shops)
        finally:
            pool.shutdown(cancel_futures=True)  # an interruption does not wait for what has not begun
        return starts

    def _search(self, instance: JobShop, rules: NDArray[np.float32], starts: Tensor) -> NDArray[np.int64]:
        """Start times ``[J, K]`` of the shortest schedule.

        Args:
            instance: the shop.
            rules: of the dispatchers, ``[D, F]``.
            starts: of the dispatcher that asks the network, ``[J', K']``.

        Returns:
            Its start times.
        """
        operations, bound = Operations(instance), instance.machine_bound
        jobs, longest = instance.durations.shape
        given = operations.listed(starts[:jobs, :longest].round().long().numpy())
        schedules = [(operations.makespan(given), operations.sort(range(len(operations)), given))]
        search, left = DiscrepancySearch(instance, rules, self.seed), self.samples - 1
        if schedules[0][0] > bound:
            search.run(left - int(self.swaps * self.samples), bound)
            left -= search.built
            schedules += search.shortest(_IMPROVED)
        schedules = sorted(schedules, key=lambda one: one[0])[:_IMPROVED]
        shortest, order = schedules[0]
        for number, (_, begun) in enumerate(schedules):
            local = CriticalSwaps(operations, begun, self.seed)
            for _ in range(left // (len(schedules) - number)):
                if shortest <= bound or not local.move():
                    break
                left -= 1
                if local.shortest < shortest:
                    shortest, order = local.shortest, local.shortest_order
        return operations.matrix(operations.earliest(order))
