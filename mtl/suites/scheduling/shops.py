"""N job shops of different sizes as one set of padded tensors: what never changes while they are scheduled."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mtl.suites.scheduling.instance import JobShop


@dataclass(frozen=True, eq=False)
class Shops:
    """Padded instances: J jobs, K operations of the longest job, M machines and V visits of one machine by one job.

    *By operation* means in the order of the job's route, ``[N, J, K]``; padding has duration 0 and is False in
    ``real``. *By machine* means ``[N, J * V, M]``: the visits of job j to machine m are in the rows ``j V ... j V + V -
    1``. V is 1 where no job visits a machine twice.

    Attributes:
        durations: ``[N, J, K]`` float, by operation.
        machines: ``[N, J, K]`` machine of each operation; 0 in padding.
        real: ``[N, J, K]`` bool, by operation.
        position: ``[N, J * V, M]`` by machine: which operation of the job runs there; 0 where none does.
        visits: ``[N, J * V, M]`` bool, by machine: whether an operation runs there.
        before: ``[N, J, K]`` work of the job before each operation, by operation.
        tails: ``[N, J, K]`` work of the job after each operation, by operation.
        unit: ``[N]`` mean duration of an operation, the unit of time of the features.
        jobs: ``[N]`` numbers of jobs.
        lengths: ``[N, J]`` numbers of operations; 0 in padding.
        machine_count: ``[N]`` numbers of machines.
    """

    durations: Tensor
    machines: Tensor
    real: Tensor
    position: Tensor
    visits: Tensor
    before: Tensor
    tails: Tensor
    unit: Tensor
    jobs: Tensor
    lengths: Tensor
    machine_count: Tensor

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
        position, visits = _by_machine(machines, real, m)
        total = durations.sum(-1, keepdim=True)
        before = durations.cumsum(-1) - durations
        return cls(
            durations=durations,
            machines=machines,
            real=real,
            position=position,
            visits=visits,
            before=before,
            tails=total - before - durations,
            unit=durations.sum((1, 2)) / real.sum((1, 2)),
            jobs=real[:, :, 0].sum(1),
            lengths=real.sum(2),
            machine_count=torch.tensor([instance.machine_count for instance in instances]),
        )

    def __len__(self) -> int:
        return self.durations.shape[0]

    @property
    def slot_jobs(self) -> Tensor:
        """``[J * V]``: the job of each row of what is by machine."""
        jobs = self.durations.shape[1]
        return torch.arange(jobs).repeat_interleave(self.position.shape[1] // jobs)

    def by_machine(self, values: Tensor) -> Tensor:
        """Values by operation, ``[N, J, K]``, by machine, ``[N, J * V, M]``; where no operation runs one of the job."""
        return values.gather(2, by_job(self.position, values.shape[1])).view(self.position.shape)

    def take(self, rows: Tensor) -> "Shops":
        """The shops of ``rows`` ``[P]`` (a row may be taken many times)."""
        return Shops(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @staticmethod
    def join(parts: Sequence["Shops"]) -> "Shops":
        """Equally padded sets one after the other."""
        return Shops(
            **{field.name: torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Shops)}
        )


def by_job(values: Tensor, jobs: int) -> Tensor:
    """What is by machine, ``[N, J * V, M]``, as one row per job, ``[N, J, V * M]``."""
    return values.reshape(len(values), jobs, values.shape[1] // jobs * values.shape[2])


def _by_machine(machines: Tensor, real: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Which operation runs where, and whether one does, ``[N, J * V, M]`` each.

    Args:
        machines: by operation, ``[N, J, K]``.
        real: which operations exist, ``[N, J, K]``.
        count: machines M.

    Returns:
        ``position`` and ``visits``.
    """
    n, j, k = machines.shape
    # Number of earlier visits of the same machine by the same job
    same = (machines[..., None] == machines[:, :, None, :]) & real[:, :, None, :]
    earlier = (same & torch.ones(k, k, dtype=torch.bool).tril(-1)).sum(3)
    most = int(earlier[real].max()) + 1
    position = torch.zeros(n, j, most, count, dtype=torch.long)
    visits = torch.zeros(n, j, most, count, dtype=torch.bool)
    row, job, operation = real.nonzero(as_tuple=True)
    where = (row, job, earlier[real], machines[real])
    position[where], visits[where] = operation, True
    return position.flatten(1, 2), visits.flatten(1, 2)
