"""Constraints of N job shops as padded tensors: where their schedules begin, and what is in the way."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mtl.suites.scheduling.constraints import Objective
from mtl.suites.scheduling.instance import JobShop


@dataclass(frozen=True, eq=False)
class PaddedConstraints:
    """What a simulator needs of the constraints of N shops (J jobs, K operations, M machines, D intervals).

    Attributes:
        objective: of all shops.
        starts: ``[N, J, K]`` start times of the fixed operations; -1 where they are free, and in padding.
        fixed: ``[N, J]`` fixed operations of each job, which are its first.
        job_ready: ``[N, J]`` from then on the job's first free operation can begin.
        machine_ready: ``[N, M]`` first moment of planning or later at which the machine is free.
        pauses: ``[N, M, D, 2]`` starts and ends of downtimes and fixed operations, by start; 0 in padding.
        due: ``[N, J]`` float64 due dates; infinite where there is none.
        weights: ``[N, J]`` float64 cost of a time unit of tardiness; 0 in padding.
    """

    objective: Objective
    starts: Tensor
    fixed: Tensor
    job_ready: Tensor
    machine_ready: Tensor
    pauses: Tensor
    due: Tensor
    weights: Tensor

    @classmethod
    def pack(cls, instances: Sequence[JobShop], shape: torch.Size, machines: int) -> "PaddedConstraints | None":
        """Pad the constraints of instances.

        Args:
            instances: N job shops with one objective.
            shape: ``[N, J, K]`` of their durations.
            machines: M.

        Returns:
            The constraints; None where no instance has any.

        Raises:
            ValueError: the instances have different objectives.
        """
        if not any(instance.constrained for instance in instances):
            return None
        if len({instance.objective for instance in instances}) > 1:
            raise ValueError("shops of different objectives cannot be scheduled side by side")
        rows, jobs, _ = shape
        starts = torch.full(shape, -1.0)
        job_ready, machine_ready = torch.zeros(rows, jobs), torch.zeros(rows, machines)
        due, weights = torch.full((rows, jobs), torch.inf, dtype=torch.double), torch.zeros(rows, jobs).double()
        blocked = [
            [busy_times(instance, machine) for machine in range(instance.machine_count)] for instance in instances
        ]
        pauses = torch.zeros(rows, machines, max(len(times) for shop in blocked for times in shop), 2)
        for row, instance in enumerate(instances):
            given = instance.constraints
            starts[row, : instance.jobs, : instance.durations.shape[1]] = torch.from_numpy(instance.fixed).float()
            for job in range(instance.jobs):
                done = len(given.starts_of(job))
                ends = instance.fixed[job, done - 1] + instance.durations[job, done - 1] if done else given.release(job)
                job_ready[row, job] = max(int(ends), given.now) if done < instance.lengths[job] else int(ends)
            if given.due:
                due[row, : instance.jobs] = torch.tensor([torch.inf if date is None else date for date in given.due])
            if given.weights:
                weights[row, : instance.jobs] = torch.tensor(given.weights, dtype=torch.double)
            for machine, times in enumerate(blocked[row]):
                free = given.now
                for start, end in times:
                    free = end if start <= free < end else free
                machine_ready[row, machine] = free
                if times:
                    pauses[row, machine, : len(times)] = torch.tensor(times, dtype=torch.float)
        return cls(instances[0].objective, starts, (starts >= 0).sum(2), job_ready, machine_ready, pauses, due, weights)

    def take(self, rows: Tensor) -> "PaddedConstraints":
        """The constraints of ``rows`` ``[P]`` (a row may be taken many times)."""
        return PaddedConstraints(self.objective, **{name: getattr(self, name)[rows] for name in _TENSORS})

    @staticmethod
    def join(parts: Sequence["PaddedConstraints"]) -> "PaddedConstraints":
        """Equally padded constraints one after the other."""
        return PaddedConstraints(
            parts[0].objective, **{name: torch.cat([getattr(part, name) for part in parts]) for name in _TENSORS}
        )

    def after_pauses(self, start: Tensor, duration: Tensor, machine: Tensor) -> Tensor:
        """The earliest starts, ``[N, J]``, from these on, at which operations meet no pause of their machines.

        Args:
            start: earliest start without pauses, ``[N, J]``.
            duration: of each operation, ``[N, J]``.
            machine: of each operation, ``[N, J]``.

        Returns:
            ``[N, J]``.
        """
        pauses = self.pauses[torch.arange(len(start))[:, None], machine]  # [N, J, D, 2]
        # They are in the order of their starts: what is moved behind one meets no earlier one
        for begin, end in (pause.unbind(2) for pause in pauses.unbind(2)):
            start = torch.where((start < end) & (start + duration > begin), end, start)
        return start


_TENSORS = tuple(field.name for field in fields(PaddedConstraints) if field.name != "objective")


def busy_times(instance: JobShop, machine: int) -> list[tuple[int, int]]:
    """Downtimes and fixed operations of a machine that reach beyond the moment of planning, by start."""
    here = (instance.machines == machine) & (instance.fixed >= 0)
    ends = instance.fixed + instance.durations
    times = list(zip(instance.fixed[here].tolist(), ends[here].tolist(), strict=True))
    times += [(down.start, down.end) for down in instance.constraints.downtimes if down.machine == machine]
    return sorted((start, end) for start, end in times if end > instance.constraints.now)
