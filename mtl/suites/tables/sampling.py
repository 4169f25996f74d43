"""Which table the rows of each training step come from, when every task has a table of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from mtl.errors import InputError, unknown, without_effect
from mtl.suites.batch import Split
from mtl.suites.loader import InMemoryLoader

POLICIES = ("proportional", "uniform", "temperature", "round_robin", "until_exhausted")
TEMPERATURE = 5.0  # where nothing is said


@dataclass(frozen=True)
class Sampling:
    """How often each table is drawn from. An epoch has as many steps as all rows together fill.

    With n_i rows in table i, a step takes its rows

    - ``proportional``: from table i with probability n_i / sum n;
    - ``uniform``: from every table with the same probability;
    - ``temperature``: with probability in proportion to n_i^(1/T): T = 1 is proportional, T -> infinity uniform
      (Arivazhagan et al., "Massively Multilingual Neural Machine Translation in the Wild: Findings and Challenges",
      2019, https://arxiv.org/abs/1907.05019, whose T = 5 is the default);
    - ``round_robin``: from one table after the other;
    - ``until_exhausted``: from one after the other, every row once; a table without rows left is passed over.

    A table that is drawn from more often than it has rows starts again in a new order.

    Attributes:
        policy: one of the above.
        temperature: T.
        joint: a step mixes rows of all tables by these shares; else all its rows come from one table, and the tasks of
            the other tables are absent from that step. The last two policies know no mixture but equal shares.
    """

    policy: str = "proportional"
    temperature: float = TEMPERATURE
    joint: bool = True

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise unknown("policy in task.sampling.policy", self.policy, POLICIES)
        if self.temperature < 1:
            raise InputError(f"task.sampling.temperature={self.temperature}: expected 1 or more")
        if self.policy != "temperature" and self.temperature != TEMPERATURE:
            raise without_effect("task.sampling.temperature", self.temperature, "task.sampling.policy=temperature")

    def shares(self, sizes: Sequence[int]) -> Tensor:
        """Expected share of each table in the rows of an epoch, ``[T]``; of ``until_exhausted`` that of its rows."""
        power = {"proportional": 1.0, "until_exhausted": 1.0, "temperature": 1 / self.temperature}
        weights = torch.tensor(sizes, dtype=torch.float64) ** power.get(self.policy, 0.0)
        return weights / weights.sum()

    def steps(self, sizes: Sequence[int], batch_size: int, generator: torch.Generator) -> list[Tensor]:
        """The rows of every step of an epoch, each ``[b]`` with b near ``batch_size``.

        Args:
            sizes: rows of each table.
            batch_size: rows of a step.
            generator: of the random numbers.

        Returns:
            Numbers of rows of the concatenated tables, step by step.
        """
        if self.policy == "until_exhausted":
            return self._once(sizes, batch_size, generator)
        number = sum(sizes)
        count = max(1, -(-number // batch_size))
        lengths = [len(part) for part in torch.arange(number).tensor_split(count)]
        shares = self.shares(sizes)
        streams = [endless(size, start, generator) for size, start in zip(sizes, starts(sizes), strict=True)]
        draws = number if self.joint else count
        if self.policy == "round_robin":
            drawn = torch.arange(draws) % len(sizes)
        else:
            drawn = torch.multinomial(shares, draws, replacement=True, generator=generator)
        tables = torch.split(drawn, lengths) if self.joint else [drawn[i].expand(b) for i, b in enumerate(lengths)]
        out = []
        for chosen in tables:
            counts = torch.bincount(chosen, minlength=len(sizes)).tolist()
            out.append(torch.cat([take(stream, n) for stream, n in zip(streams, counts, strict=True)]))
        return out

    def _once(self, sizes: Sequence[int], batch_size: int, generator: torch.Generator) -> list[Tensor]:
        orders = [
            torch.randperm(size, generator=generator) + start for size, start in zip(sizes, starts(sizes), strict=True)
        ]
        if not self.joint:
            parts = [list(order.tensor_split(max(1, -(-len(order) // batch_size)))) for order in orders]
            longest = max(map(len, parts))
            return [part[turn] for turn in range(longest) for part in parts if turn < len(part)]
        # Equal shares while they last: the rows by the place in their own table, then cut into steps
        place = torch.cat([torch.arange(size) for size in sizes])
        rows = torch.cat(orders)[torch.sort(place, stable=True).indices]
        return list(rows.tensor_split(max(1, -(-len(rows) // batch_size))))


def starts(sizes: Sequence[int]) -> list[int]:
    """Number of the first row of each table."""
    return [sum(sizes[:i]) for i in range(len(sizes))]


def endless(size: int, start: int, generator: torch.Generator) -> Iterator[int]:
    """Rows of a table in random order, again and again in new ones."""
    while True:
        yield from (torch.randperm(size, generator=generator) + start).tolist()


def take(stream: Iterator[int], number: int) -> Tensor:
    """The next rows."""
    return torch.tensor([next(stream) for _ in range(number)], dtype=torch.long)


class SamplingLoader(InMemoryLoader):
    """Serves the training rows of several concatenated tables by a sampling policy.

    Args:
        split: the rows.
        batch_size: rows of one optimizer step over all processes and accumulated batches.
        sizes: training rows of each table.
        sampling: the policy.
        seed: of the order.
        accumulate: batches per optimizer step.
        rank: the number of this process.
        world: the number of processes.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        sizes: Sequence[int],
        sampling: Sampling,
        *,
        seed: int = 0,
        accumulate: int = 1,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        super().__init__(split, batch_size, shuffle=True, seed=seed, accumulate=accumulate, rank=rank, world=world)
        self.sizes, self.sampling, self.batch_size = tuple(sizes), sampling, batch_size
        lengths = [len(step) for step in self.plan()]
        self.steps = len(lengths)
        if min(lengths) < accumulate * world:
            raise InputError(
                f"task.sampling.policy={sampling.policy} makes a step of {min(lengths)} rows, which cannot be divided "
                f"among {accumulate} accumulated batches on {world} processes"
            )

    @override
    def plan(self) -> list[Tensor]:
        return self.sampling.steps(self.sizes, self.batch_size, self.generator())
