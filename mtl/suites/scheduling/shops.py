"""N job shops of different sizes as one set of padded tensors: what never changes while they are scheduled."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mtl.suites.scheduling.instance import JobShop


@dataclass(frozen=True, eq=False)
class Shops:
    """Padded instances. J jobs and M machines of the largest; an instance visits each of its machines once per job.

    *By operation* means in the order of the job's route, *by machine* in the order of machine numbers. Padding has
    duration 0 and is False in ``real``.

    Attributes:
        durations: ``[N, J, M]`` float, by operation.
        machines: ``[N, J, M]`` machine of each operation; padded operations get the numbers that are left over.
        real: ``[N, J, M]`` bool, by operation.
        position: ``[N, J, M]`` by machine: which operation of the job runs there (inverse of ``machines``).
        before: ``[N, J, M]`` work of the job before each operation, by operation.
        tails: ``[N, J, M]`` work of the job after each operation, by operation.
        unit: ``[N]`` mean duration of an operation, the unit of time of the features.
        jobs, operations: ``[N]`` true sizes.
    """

    durations: Tensor
    machines: Tensor
    real: Tensor
    position: Tensor
    before: Tensor
    tails: Tensor
    unit: Tensor
    jobs: Tensor
    operations: Tensor

    @classmethod
    def pack(cls, instances: Sequence[JobShop]) -> "Shops":
        """Pad ``instances`` to one size. At least one is needed."""
        n = len(instances)
        j = max(instance.jobs for instance in instances)
        m = max(instance.operations for instance in instances)
        durations = torch.zeros(n, j, m)
        machines = torch.arange(m).expand(n, j, m).clone()
        real = torch.zeros(n, j, m, dtype=torch.bool)
        for row, instance in enumerate(instances):
            area = (row, slice(instance.jobs), slice(instance.operations))
            durations[area] = torch.from_numpy(instance.durations).float()
            machines[area] = torch.from_numpy(instance.machines)
            real[area] = True
        total = durations.sum(-1, keepdim=True)
        before = durations.cumsum(-1) - durations
        return cls(
            durations=durations,
            machines=machines,
            real=real,
            position=machines.argsort(-1),
            before=before,
            tails=total - before - durations,
            unit=durations.sum((1, 2)) / real.sum((1, 2)),
            jobs=real[:, :, 0].sum(1),
            operations=real[:, 0].sum(1),
        )

    def __len__(self) -> int:
        return self.durations.shape[0]

    def take(self, rows: Tensor) -> "Shops":
        """The shops of ``rows`` ``[P]`` (a row may be taken many times)."""
        return Shops(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @staticmethod
    def join(parts: Sequence["Shops"]) -> "Shops":
        """Equally padded sets one after the other."""
        return Shops(
            **{field.name: torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Shops)}
        )
