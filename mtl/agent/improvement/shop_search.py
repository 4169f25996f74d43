"""What every search for dispatchers is told: how much it tries, on which generated shops, and which of them decide."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from mtl.agent.improvement.base import Proposer
from mtl.agent.improvement.population import dispatch_head, team_ratios
from mtl.errors import InputError
from mtl.network import Network
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.suite import SchedulingSuite

VALIDATION = 11  # stream of generated shops beside those of the suite


@dataclass(frozen=True)
class Group:
    """Shops of one size.

    Attributes:
        jobs: of each.
        machines: of each.
        count: how many.
    """

    jobs: int
    machines: int
    count: int

    def shops(self, seed: int, stream: int, first: int) -> Shops:
        """Generated shops of Taillard's distribution, those from number ``first`` on.

        Shops of one number and unlike size are drawn from one state of the generator, so that they have durations in
        common, and :func:`~mtl.agent.improvement.paired.mean_difference` takes them to be independent. It may: how much
        longer the schedules of four rules near the bound rule are than its own was correlated by -.03 to .02 between
        sizes, in 2,500 shops each of 6x5, 8x5, 10x5 and of 6x6, 8x8 (standard error .02). Other draws would change the
        results of every search for nothing.

        Args:
            seed: of the series.
            stream: of the series.
            first: number of the first shop.

        Returns:
            The shops.
        """
        size = (self.jobs, self.jobs), (self.machines, self.machines)
        return Shops.pack([taillard(seed, stream, first + i, *size) for i in range(self.count)])


@dataclass(eq=False)
class ShopSearch(Proposer):
    """A search for dispatchers on generated shops. InputError for an attribute out of range.

    Attributes:
        generations: parts of the search.
        members: dispatchers that are tried in each, an even number.
        shops: on which they are tried: jobs, machines and how many, by size.
        validation: likewise, of the shops that decide in the end.
        spread: standard deviation of the members in each dimension of
            :class:`~mtl.agent.improvement.outcome_search.Coordinates`.
        groups: of ``shops``.
        validation_groups: of ``validation``.
    """

    task: ClassVar[str] = "assignment"

    generations: int
    members: int
    shops: Sequence[Sequence[int]]
    validation: Sequence[Sequence[int]]
    spread: float = 0.12
    groups: tuple[Group, ...] = field(init=False)
    validation_groups: tuple[Group, ...] = field(init=False)

    def __post_init__(self) -> None:
        if self.generations < 1:
            raise InputError(f"improve.generations={self.generations}: expected at least 1")
        if self.members < 4 or self.members % 2:
            raise InputError(f"improve.members={self.members}: expected an even number, 4 or more")
        if not self.spread > 0:
            raise InputError(f"improve.spread={self.spread}: expected a number above 0")
        self.groups, self.validation_groups = _groups("shops", self.shops), _groups("validation", self.validation)
        self.fewest = min(group.count for group in self.validation_groups)

    @override
    def check(self, data: MultiTaskDataModule, network: Network) -> None:
        if not isinstance(data, SchedulingSuite) or self.task not in {task.name for task in data.tasks}:
            raise InputError(f"improve: this search takes task=scheduling with the task '{self.task}'")
        if not dispatch_head(network, self.task).has_prior:
            raise InputError("improve: this search takes a dispatcher that starts at a rule, such as task.prior=bound")

    @override
    def achieved(self, networks: Sequence[Network], seed: int) -> dict[str, Tensor]:
        groups = {
            f"{group.jobs}x{group.machines}": group.shops(seed, VALIDATION, 0) for group in self.validation_groups
        }
        found = team_ratios(networks, self.task, list(groups.values()))
        return dict(zip(groups, found, strict=True))


def _groups(key: str, sizes: Sequence[Sequence[int]]) -> tuple[Group, ...]:
    """The groups of a key. InputError if one is not three numbers of at least 1, or there is none."""
    for size in sizes:
        if len(size) != 3 or not all(type(number) is int and number >= 1 for number in size):
            raise InputError(f"improve.{key}={list(sizes)}: expected a list of [jobs, machines, how many]")
    if not sizes:
        raise InputError(f"improve.{key}=[]: expected at least one size, such as [15, 15, 8]")
    if len({tuple(size[:2]) for size in sizes}) < len(sizes):
        raise InputError(f"improve.{key}={list(sizes)}: expected every size once")
    return tuple(Group(*size) for size in sizes)
