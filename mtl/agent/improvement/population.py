"""Many dispatchers at once: one network whose prior and gain differ from row to row."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import cast

import torch
from torch import Tensor

from mtl.network import Network
from mtl.nn.heads import ChoiceHead
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator

# Numbers of one feature table of a chunk: larger ones leave the processor's cache, smaller ones cost calls
_CHUNK = 30_000


def dispatch_head(network: Network, task: str) -> ChoiceHead:
    """The head that chooses among candidates."""
    return cast(ChoiceHead, network.heads[task])


def makespans(
    network: Network, task: str, rules: Tensor, gains: Tensor, groups: Sequence[Shops], threads: int
) -> list[Tensor]:
    """Schedule every shop greedily with every member of a population.

    Args:
        network: of the dispatcher, on the CPU; it is not changed.
        task: whose head chooses.
        rules: weights of the candidate features, ``[P, F]``.
        gains: of what the network adds to the rule, ``[P]``.
        groups: shops of about one size each, N in a group.
        threads: chunks of the work that are done at once.

    Returns:
        The makespans, ``[P, N]`` for each group.
    """
    parts = []
    for group, shops in enumerate(groups):
        _, jobs, longest = shops.durations.shape
        size = max(1, _CHUNK // (jobs * longest))
        total = len(rules) * len(shops)
        parts += [(group, rows) for rows in torch.arange(total).tensor_split(list(range(size, total, size)))]

    def build(part: tuple[int, Tensor]) -> Tensor:
        group, rows = part
        shops = groups[group]
        member, shop = rows // len(shops), rows % len(shops)
        own = deepcopy(network).eval()  # a thread's own, whose buffers it may replace
        head = dispatch_head(own, task)
        head.rule, head.gain = rules[member], gains[member, None]
        with torch.inference_mode():
            policy = network_policy(lambda inputs: own(inputs)[task])
            return rollout(policy, Simulator(shops.take(shop))).makespan

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # each operation is small: whole chunks side by side use the cores better
    try:
        with ThreadPoolExecutor(threads) as pool:
            built = list(pool.map(build, parts))
    finally:
        torch.set_num_threads(before)
    found = []
    for group, shops in enumerate(groups):
        rows = [one for (owner, _), one in zip(parts, built, strict=True) if owner == group]
        found.append(torch.cat(rows).view(len(rules), len(shops)))
    return found
