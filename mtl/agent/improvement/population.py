"""Many dispatchers at once: one network whose prior and gain differ from row to row."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import cast

import torch
from torch import Tensor

from mtl.network import Network
from mtl.nn.heads import ChoiceHead
from mtl.suites.scheduling.features import BOUND_RULE
from mtl.suites.scheduling.loops.schedules import build
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator

# Numbers of one feature table of a chunk: larger ones leave the processor's cache, smaller ones cost calls
_CHUNK = 30_000


def dispatch_head(network: Network, task: str) -> ChoiceHead:
    """The head that chooses among candidates."""
    return cast(ChoiceHead, network.heads[task])


class Dispatchers:
    """Scores of candidates by a dispatcher of its own for each row.

    The network is asked in rows alone where it has a say: with two candidates or more, no more than it was trained on,
    and a gain. Elsewhere a choice is the rule's, which takes a fraction of the time.

    Args:
        network: of the dispatcher; a copy is used.
        task: whose head chooses.
        rules: of each row, ``[B, F]``.
        gains: of each row, ``[B]``.
    """

    def __init__(self, network: Network, task: str, rules: Tensor, gains: Tensor) -> None:
        self.network, self.task, self.rules, self.gains = deepcopy(network).eval(), task, rules, gains
        self.head = dispatch_head(self.network, task)

    def __call__(self, inputs: dict[str, Tensor]) -> Tensor:
        """Scores of the candidates, ``[B, W]``; real candidates stand first."""
        scores = self.head.scale * (inputs["candidates"] * self.rules[:, None]).sum(-1)
        count = inputs["mask"].sum(-1)
        most = self.head.most_candidates or scores.shape[1]
        rows = ((count > 1) & (count <= most) & (self.gains != 0)).nonzero().squeeze(1)
        if len(rows):
            width = int(count[rows].max())
            self.head.rule, self.head.gain = self.rules[rows], self.gains[rows, None]
            asked = {name: values[rows] for name, values in inputs.items()}
            asked |= {name: asked[name][:, :width] for name in ("candidates", "mask")}
            scores[rows, :width] = self.network(asked)[self.task]
        return scores


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

    def build_part(part: tuple[int, Tensor]) -> Tensor:
        group, rows = part
        shops = groups[group]
        member, shop = rows // len(shops), rows % len(shops)
        with torch.inference_mode():
            policy = network_policy(Dispatchers(network, task, rules[member], gains[member]))
            return rollout(policy, Simulator(shops.take(shop))).makespan

    return _gathered(build_part, parts, groups, len(rules), threads)


def rule_makespans(rules: Tensor, groups: Sequence[Shops], threads: int) -> list[Tensor]:
    """Schedule every shop greedily by rules alone, which compiled loops do many times as fast.

    Args:
        rules: weights of the candidate features, ``[P, F]``.
        groups: shops without constraints and alternatives, of about one size each, N in a group.
        threads: parts of the work that are done at once.

    Returns:
        The makespans, ``[P, N]`` for each group.
    """
    parts = []
    for group, shops in enumerate(groups):
        total = len(rules) * len(shops)
        parts += [(group, rows) for rows in torch.arange(total).tensor_split(min(total, 4 * threads))]
    arrays = [shops.arrays for shops in groups]
    weights = rules.float().contiguous().numpy()

    def build_part(part: tuple[int, Tensor]) -> Tensor:
        group, rows = part
        count = len(groups[group])
        built = build(arrays[group], weights, (rows // count).numpy(), (rows % count).numpy())
        return torch.from_numpy(built.makespans).float()

    return _gathered(build_part, parts, groups, len(rules), threads)


def team_ratios(networks: Sequence[Network], task: str, groups: Sequence[Shops]) -> list[Tensor]:
    """How much longer the shortest schedules of agents are than the bound rule's.

    Args:
        networks: P of them, on the CPU, that differ in the head of the task alone.
        task: whose head chooses.
        groups: shops without constraints and alternatives, of about one size each, N in a group.

    Returns:
        Differences relative to the rule, ``[P, N]`` for each group.
    """
    threads = torch.get_num_threads()
    heads = [dispatch_head(network, task) for network in networks]
    # Networks that differ in their further dispatchers alone share the first one, which takes longest
    firsts = [(*head.rule.tolist(), float(head.gain)) for head in heads]
    unlike = list(dict.fromkeys(firsts))
    which, weights = [unlike.index(one) for one in firsts], torch.tensor(unlike)
    first = makespans(networks[0], task, weights[:, :-1], weights[:, -1], groups, threads)
    bound = rule_makespans(torch.tensor(BOUND_RULE)[None], groups, threads)
    found = [one[which] for one in first]
    for row, head in enumerate(heads):
        if head.others is not None:
            for one, others in zip(found, rule_makespans(head.others, groups, threads), strict=True):
                one[row] = torch.minimum(one[row], others.amin(0))
    return [one / rule - 1.0 for one, rule in zip(found, bound, strict=True)]


def _gathered(
    build_part: Callable[[tuple[int, Tensor]], Tensor],
    parts: Sequence[tuple[int, Tensor]],
    groups: Sequence[Shops],
    members: int,
    threads: int,
) -> list[Tensor]:
    """``[P, N]`` of each group, whose parts are built by so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # each operation is small: whole chunks side by side use the cores better
    pool = ThreadPoolExecutor(threads)
    try:
        built = list(pool.map(build_part, parts))
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption does not wait for what has not begun
        torch.set_num_threads(before)
    found = []
    for group, shops in enumerate(groups):
        rows = [one for (owner, _), one in zip(parts, built, strict=True) if owner == group]
        found.append(torch.cat(rows).view(members, len(shops)))
    return found
