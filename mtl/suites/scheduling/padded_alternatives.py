"""Alternative machines of N job shops as padded tensors, and the choice among them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mtl.suites.scheduling.alternatives import NO_MACHINE
from mtl.suites.scheduling.instance import JobShop


@dataclass(frozen=True, eq=False)
class PaddedAlternatives:
    """The machines that can do each operation (N shops, J jobs, K operations, A machines).

    Attributes:
        machines: ``[N, J, K, A]``; 0 in padding.
        durations: ``[N, J, K, A]`` float; infinite in padding, 0 of operations that are none.
    """

    machines: Tensor
    durations: Tensor

    @classmethod
    def pack(cls, instances: Sequence[JobShop], shape: torch.Size) -> "PaddedAlternatives | None":
        """Pad the alternatives of instances; one without any has the machine of each operation alone.

        Args:
            instances: N job shops.
            shape: ``[N, J, K]`` of their durations.

        Returns:
            The alternatives; None where no instance has any.
        """
        if all(instance.alternatives is None for instance in instances):
            return None
        most = max(one.alternatives.machines.shape[2] for one in instances if one.alternatives is not None)
        machines = torch.zeros(*shape, most, dtype=torch.long)
        durations = torch.full(machines.shape, torch.inf)
        durations[..., 0] = 0.0
        for row, instance in enumerate(instances):
            area = (row, slice(instance.jobs), slice(instance.durations.shape[1]))
            # What is fixed has no alternatives any more
            machines[area][..., 0] = torch.from_numpy(instance.machines).clamp(min=0)
            durations[area][..., 0] = torch.from_numpy(instance.durations).float()
            if instance.alternatives is not None:
                free = torch.from_numpy((instance.fixed < 0) & instance.exists)
                given = torch.from_numpy(instance.alternatives.machines)
                lasts = torch.from_numpy(instance.alternatives.durations).float()
                lasts = lasts.masked_fill(given == NO_MACHINE, torch.inf)
                count = given.shape[2]
                machines[area][..., :count][free] = given.clamp(min=0)[free]
                durations[area][..., :count][free] = lasts[free]
        return cls(machines, durations)

    def take(self, rows: Tensor) -> "PaddedAlternatives":
        """The alternatives of ``rows`` ``[P]`` (a row may be taken many times)."""
        return PaddedAlternatives(*(getattr(self, field.name)[rows] for field in fields(self)))

    @staticmethod
    def join(parts: Sequence["PaddedAlternatives"]) -> "PaddedAlternatives":
        """Equally padded alternatives one after the other."""
        names = [field.name for field in fields(PaddedAlternatives)]
        return PaddedAlternatives(*(torch.cat([getattr(part, name) for part in parts]) for name in names))
