"""N job shops of different sizes as one set of padded tensors: what never changes while they are scheduled."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.loops.arrays import ShopArrays
from mtl.suites.scheduling.padded_alternatives import PaddedAlternatives
from mtl.suites.scheduling.padded_constraints import PaddedConstraints


@dataclass(frozen=True, eq=False)
class Shops:
    """Padded instances: J jobs, K operations of the longest job, M machines, S operations of the busiest machine.

    *By operation* means in the order of the job's route, ``[N, J, K]``; padding has duration 0 and is False in
    ``real``. *By machine* means ``[N, M, S]``: the operations of machine m, those with the most work of their job after
    them first, then padding.

    Attributes:
        durations: ``[N, J, K]`` float, by operation.
        machines: ``[N, J, K]`` machine of each operation; 0 in padding.
        real: ``[N, J, K]`` bool, by operation.
        before: ``[N, J, K]`` work of the job before each operation, by operation.
        tails: ``[N, J, K]`` work of the job after each operation, by operation.
        place: ``[N, M, S]`` by machine: where the operation is among the ``J K`` by operation; 0 in padding.
        visits: ``[N, M, S]`` bool, by machine: whether there is an operation.
        tail_rank: ``[N, M, S]`` by machine: how many different tails there are before, largest first; S in padding.
        unit: ``[N]`` mean duration of an operation, the unit of time of the features.
        jobs: ``[N]`` numbers of jobs.
        lengths: ``[N, J]`` numbers of operations; 0 in padding.
        machine_count: ``[N]`` numbers of machines.
        constraints: dates, downtimes, fixed operations and due dates; None: no shop has any.
        alternatives: the machines that can do each operation; None: each has one.
    """

    durations: Tensor
    machines: Tensor
    real: Tensor
    before: Tensor
    tails: Tensor
    place: Tensor
    visits: Tensor
    tail_rank: Tensor
    unit: Tensor
    jobs: Tensor
    lengths: Tensor
    machine_count: Tensor
    constraints: PaddedConstraints | None = None
    alternatives: PaddedAlternatives | None = None

    @classmethod
    def pack(cls, instances: Sequence[JobShop]) -> "Shops":
        """Pad ``instances`` to one size. At least one is needed."""
        n = len(instances)
        j = max(instance.jobs for instance in instances)
        k = max(instance.durations.shape[1] for instance in instances)
        m = max(instance.machine_count for instance in instances)
        durations, machines = torch.zeros(n, j, k), torch.zeros(n, j, k, dtype=torch.long)
        real = torch.zeros(n, j, k, dtype=torch.bool)
        for row, instance in enumerate(instances):
            area = (row, slice(instance.jobs), slice(instance.durations.shape[1]))
            durations[area] = torch.from_numpy(instance.durations).float()
            machines[area] = torch.from_numpy(instance.machines).clamp(min=0)
            real[area] = torch.from_numpy(instance.exists)
        total = durations.sum(-1, keepdim=True)
        before = durations.cumsum(-1) - durations
        tails = total - before - durations
        place, visits = _by_machine(machines, real, tails, m)
        return cls(
            durations=durations,
            machines=machines,
            real=real,
            before=before,
            tails=tails,
            place=place,
            visits=visits,
            tail_rank=_rank(tails.flatten(1).gather(1, place.flatten(1)).view(place.shape), visits),
            unit=durations.sum((1, 2)) / real.sum((1, 2)),
            jobs=real[:, :, 0].sum(1),
            lengths=real.sum(2),
            machine_count=torch.tensor([instance.machine_count for instance in instances]),
            constraints=PaddedConstraints.pack(instances, durations.shape, m),
            alternatives=PaddedAlternatives.pack(instances, durations.shape),
        )

    def __len__(self) -> int:
        return self.durations.shape[0]

    @property
    def arrays(self) -> ShopArrays:
        """The same for compiled loops, in the same memory."""
        by_operation = (self.durations, self.machines, self.before, self.tails)
        steps = self.durations.shape[2]
        numbers = torch.arange(self.durations.shape[1] * steps)
        others = (self.place, self.visits, self.unit, self.jobs, self.lengths, self.machine_count)
        places = (numbers // steps, numbers % steps)
        return ShopArrays(
            *(values.flatten(1).numpy() for values in by_operation), *(values.numpy() for values in (*others, *places))
        )

    @property
    def slot_jobs(self) -> Tensor:
        """``[N, M, S]`` by machine: the job of each operation; 0 in padding."""
        return self.place // self.durations.shape[2]

    @property
    def position(self) -> Tensor:
        """``[N, M, S]`` by machine: which operation of its job each one is; 0 in padding."""
        return self.place % self.durations.shape[2]

    def by_machine(self, values: Tensor) -> Tensor:
        """Values by operation, ``[N, J, K]``, by machine, ``[N, M, S]``; in padding one of the first job."""
        return values.flatten(1).gather(1, self.place.flatten(1)).view(self.place.shape)

    def take(self, rows: Tensor) -> "Shops":
        """The shops of ``rows`` ``[P]`` (a row may be taken many times)."""
        return Shops(
            **{name: getattr(self, name)[rows] for name in _TENSORS},
            constraints=self.constraints and self.constraints.take(rows),
            alternatives=self.alternatives and self.alternatives.take(rows),
        )

    @staticmethod
    def join(parts: Sequence["Shops"]) -> "Shops":
        """Equally padded sets one after the other."""
        constraints = [part.constraints for part in parts if part.constraints]
        alternatives = [part.alternatives for part in parts if part.alternatives]
        return Shops(
            **{name: torch.cat([getattr(part, name) for part in parts]) for name in _TENSORS},
            constraints=PaddedConstraints.join(constraints) if constraints else None,
            alternatives=PaddedAlternatives.join(alternatives) if alternatives else None,
        )


_TENSORS = tuple(field.name for field in fields(Shops) if field.name not in ("constraints", "alternatives"))


def _by_machine(machines: Tensor, real: Tensor, tails: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Which operations each machine has, those with the largest tails first.

    Args:
        machines: by operation, ``[N, J, K]``.
        real: which operations exist, ``[N, J, K]``.
        tails: work of the job after each, ``[N, J, K]``.
        count: machines M.

    Returns:
        ``place`` and ``visits``, ``[N, M, S]`` each.
    """
    there = (machines.flatten(1)[:, None] == torch.arange(count)[:, None]) & real.flatten(1)[:, None]  # [N, M, J K]
    most = int(there.sum(2).max())
    tails = tails.flatten(1)[:, None].masked_fill(~there, -torch.inf)
    place = tails.argsort(dim=2, descending=True, stable=True)[..., :most]
    visits = there.gather(2, place)
    return place * visits, visits


def _rank(tails: Tensor, visits: Tensor) -> Tensor:
    """How many different tails are larger, ``[N, M, S]``, of tails in descending order; S in padding."""
    falls = torch.zeros(tails.shape, dtype=torch.long)
    falls[..., 1:] = tails[..., 1:] < tails[..., :-1]
    return falls.cumsum(2).masked_fill(~visits, tails.shape[2])
