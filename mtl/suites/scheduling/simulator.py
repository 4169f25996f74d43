"""The dynamics of building schedules: N job shops at once, one operation each per step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.suites.scheduling.plans import Plans
from mtl.suites.scheduling.shops import Shops


class Simulator:
    """Builds N schedules step by step: every step appends one operation per shop, as early as job and machine allow.

    The choice is among the *conflict set* of Giffler & Thompson ("Algorithms for solving production-scheduling
    problems", Operations Research 8(4), 1960, https://doi.org/10.1287/opre.8.4.487): with ``ect*`` the earliest
    possible end over all next operations, those on the machine of ``ect*`` that can start before ``ect*``. Whatever is
    chosen, the result is an active schedule (no operation could start earlier without delaying another), and an
    optimal schedule is among the active ones. Of several machines that reach ``ect*`` together, the operations of all
    are candidates, so that the numbering of machines does not matter.

    Jobs begin where their fixed operations and release dates leave them. An operation that would meet a downtime or a
    fixed operation on its machine starts after it; ``ect*`` counts that, so that an optimal schedule is still among
    those that can be built.

    Where several machines can do an operation, it goes to the one on which it ends first, of equals to the one that is
    listed first. What is built then need not contain an optimal schedule. With ``reluctance`` r, each machine counts as
    if the operation ended there later by r times the time that it takes there longer than on its fastest machine: the
    larger it is, the rather a job waits for a fast machine.

    ``delay`` narrows the set as in Bierwirth & Mattfeld ("Production scheduling and rescheduling with genetic
    algorithms", Evolutionary Computation 7(1), 1999, https://doi.org/10.1162/evco.1999.7.1.1): with ``est*`` the
    earliest start on that machine, only operations that start by ``est* + delay (ect* - est*)``. 0 gives non-delay
    schedules, in which no machine waits while it could work: a smaller set, better for simple rules, but possibly
    without any optimum.

    Args:
        shops: the instances.
        delay: 0..1, how long a machine may wait for an operation; 1 (default) gives all active schedules.
        reluctance: 0 or more, to take a machine that is slow for an operation; 0 (default): where it ends first.

    Attributes (N shops, J jobs, K operations of the longest job, M machines; times in the instance's units):
        next_operation: ``[N, J]`` index of the first operation not yet scheduled.
        job_ready: ``[N, J]`` end of the job's last scheduled operation.
        machine_ready: ``[N, M]`` end of the machine's last scheduled operation.
        starts: ``[N, J, K]`` start times by operation; -1 where not scheduled (and in padding).
        machines: ``[N, J, K]`` the machine of each operation; with alternatives, of one that is not scheduled the one
            that the shop has for it.
        durations: ``[N, J, K]`` on these machines.
    """

    def __init__(self, shops: Shops, delay: float = 1.0, reluctance: float = 0.0) -> None:
        n, j, k = shops.durations.shape
        self.shops = shops
        self.delay, self.reluctance = delay, reluctance
        given = shops.constraints
        self.next_operation = given.fixed.clone() if given else torch.zeros(n, j, dtype=torch.long)
        self.job_ready = given.job_ready.clone() if given else torch.zeros(n, j)
        self.machine_ready = given.machine_ready.clone() if given else torch.zeros(n, shops.place.shape[1])
        self.starts = given.starts.clone() if given else torch.full((n, j, k), -1.0)
        flexible = shops.alternatives is not None
        self.machines = shops.machines.clone() if flexible else shops.machines
        self.durations = shops.durations.clone() if flexible else shops.durations
        self._refresh()

    def take(self, rows: Tensor) -> "Simulator":
        """An independent copy of the states of ``rows`` ``[P]`` (a row may be taken many times)."""
        copy = object.__new__(Simulator)
        copy.shops = self.shops.take(rows)
        copy.delay, copy.reluctance = self.delay, self.reluctance
        copy.next_operation = self.next_operation[rows]
        copy.job_ready = self.job_ready[rows]
        copy.machine_ready = self.machine_ready[rows]
        copy.starts = self.starts[rows]
        flexible = copy.shops.alternatives is not None
        copy.machines = self.machines[rows] if flexible else copy.shops.machines
        copy.durations = self.durations[rows] if flexible else copy.shops.durations
        copy._refresh()
        return copy

    @staticmethod
    def join(parts: Sequence["Simulator"]) -> "Simulator":
        """The states of simulators over equally padded shops as one."""
        joined = object.__new__(Simulator)
        joined.shops = Shops.join([part.shops for part in parts])
        joined.delay, joined.reluctance = parts[0].delay, parts[0].reluctance
        joined.next_operation = torch.cat([part.next_operation for part in parts])
        joined.job_ready = torch.cat([part.job_ready for part in parts])
        joined.machine_ready = torch.cat([part.machine_ready for part in parts])
        joined.starts = torch.cat([part.starts for part in parts])
        flexible = joined.shops.alternatives is not None
        joined.machines = torch.cat([part.machines for part in parts]) if flexible else joined.shops.machines
        joined.durations = torch.cat([part.durations for part in parts]) if flexible else joined.shops.durations
        joined._refresh()
        return joined

    def _refresh(self) -> None:
        shops = self.shops
        self.unfinished = self.next_operation < shops.lengths
        index = self.next_operation.clamp(max=shops.durations.shape[2] - 1)[..., None]
        if shops.alternatives is None:
            self.machine = shops.machines.gather(2, index).squeeze(2)  # [N, J] machine of the next operation
            self.duration = shops.durations.gather(2, index).squeeze(2)
            self.est = self._earliest_start(self.machine, self.duration, self.job_ready)
        else:
            self._choose_machines(index)
        self.ect = self.est + self.duration
        ect = self.ect.masked_fill(~self.unfinished, torch.inf)
        soonest = ect.amin(1, keepdim=True)
        first = self.unfinished & (ect <= soonest)
        contested = torch.zeros_like(self.machine_ready, dtype=torch.bool)
        contested.scatter_reduce_(1, self.machine, first, "amax")
        rivals = self.unfinished & contested.gather(1, self.machine) & (self.est < soonest)
        if self.delay < 1.0:
            earliest = torch.full_like(self.machine_ready, torch.inf)
            earliest.scatter_reduce_(1, self.machine, self.est.masked_fill(~self.unfinished, torch.inf), "amin")
            earliest = earliest.gather(1, self.machine)
            rivals &= self.est <= earliest + self.delay * (soonest - earliest)
        # An operation of duration 0 does not start before it ends: it goes where nobody else can.
        crowded = torch.zeros_like(contested)
        crowded.scatter_reduce_(1, self.machine, rivals, "amax")
        self.legal = rivals | (first & ~crowded.gather(1, self.machine))

    def _earliest_start(self, machine: Tensor, duration: Tensor, job_ready: Tensor) -> Tensor:
        """When operations can start on machines; all ``[N, X]``."""
        start = torch.maximum(job_ready, self.machine_ready.gather(1, machine))
        if self.shops.constraints is not None:
            start = self.shops.constraints.after_pauses(start, duration, machine)
        return start

    def _choose_machines(self, index: Tensor) -> None:
        """Set the machine of each next operation, ``index`` ``[N, J, 1]``, to the one on which it counts as first."""
        given = self.shops.alternatives
        assert given is not None
        count = given.machines.shape[3]
        at = index[..., None].expand(-1, -1, 1, count)
        machines, durations = given.machines.gather(2, at).squeeze(2), given.durations.gather(2, at).squeeze(2)
        ready = self.job_ready.repeat_interleave(count, 1)
        starts = self._earliest_start(machines.flatten(1), durations.flatten(1), ready).view(machines.shape)
        ends = starts + durations
        if self.reluctance:
            ends = ends + self.reluctance * (durations - durations.amin(2, keepdim=True))
        first = ends.argmin(2, keepdim=True)
        self.machine = machines.gather(2, first).squeeze(2)
        self.duration = durations.gather(2, first).squeeze(2)
        self.est = starts.gather(2, first).squeeze(2)

    def candidates(self) -> tuple[Tensor, Tensor]:
        """The conflict sets side by side: job numbers ``[N, W]``, ascending, and which are real, ``[N, W]`` bool.

        W is the size of the largest set, at least 1.
        """
        width = max(1, int(self.legal.sum(1).max()))
        jobs = (~self.legal).int().argsort(dim=1, stable=True)[:, :width]
        return jobs, self.legal.gather(1, jobs)

    @property
    def done(self) -> Tensor:
        """``[N]`` bool: every operation is scheduled."""
        return ~self.unfinished.any(1)

    @property
    def makespan(self) -> Tensor:
        """``[N]`` end of the last scheduled operation."""
        return self.job_ready.amax(1)

    @property
    def cost(self) -> Tensor:
        """``[N]`` float64: what the shops' objective makes of the finished schedules."""
        given = self.shops.constraints
        if given is None or given.objective == "makespan":
            return self.makespan.double()
        late = (self.job_ready.double() - given.due).clamp(min=0.0)
        return (given.weights * late).sum(1)

    @property
    def utilisation(self) -> Tensor:
        """``[N]`` busy time of the machines as a fraction of machines x makespan (0 before anything is scheduled)."""
        busy = (self.durations * (self.starts >= 0)).sum((1, 2))
        return busy / (self.shops.machine_count * self.makespan).clamp(min=1.0)

    def dispatch(self, jobs: Tensor, where: Tensor | None = None) -> None:
        """Schedule the next operation of ``jobs`` ``[N]``; rows done or not ``where`` ``[N]`` stay as they are.

        Args:
            jobs: a job of every row, ``[N]``.
            where: rows to be changed, ``[N]``; None: all.

        Raises:
            ValueError: a row to be dispatched names a job outside its conflict set (``legal``).
        """
        column = jobs[:, None]
        live = ~self.done[:, None] if where is None else (where & ~self.done)[:, None]
        if not (self.legal.gather(1, column) | ~live).all():
            row = int((live & ~self.legal.gather(1, column)).nonzero()[0, 0])
            raise ValueError(
                f"shop {row}: job {int(jobs[row])} is not among the candidates {self.legal[row].nonzero()}"
            )
        start = self.est.gather(1, column)
        end = torch.where(live, self.ect.gather(1, column), self.job_ready.gather(1, column))
        machine = self.machine.gather(1, column)
        operation = self.next_operation.gather(1, column)
        rows = live.squeeze(1).nonzero().squeeze(1)
        self.starts[rows, jobs[rows], operation[rows, 0]] = start[rows, 0]
        if self.shops.alternatives is not None:
            self.machines[rows, jobs[rows], operation[rows, 0]] = machine[rows, 0]
            self.durations[rows, jobs[rows], operation[rows, 0]] = self.duration.gather(1, column)[rows, 0]
        self.machine_ready.scatter_(1, machine, torch.where(live, end, self.machine_ready.gather(1, machine)))
        self.job_ready.scatter_(1, column, end)
        self.next_operation.scatter_(1, column, operation + live)
        self._refresh()

    @property
    def plans(self) -> Plans:
        """The schedules as far as they are built."""
        return Plans(self.starts, self.machines)

    def with_delay(self, delay: float) -> "Simulator":
        """The same simulator, in which a machine from now on waits for an operation as long as ``delay`` allows."""
        self.delay = delay
        self._refresh()
        return self

    def advance(self) -> None:
        """Dispatch wherever there is no choice, until every shop that is not done has two candidates or more."""
        while True:
            forced = self.legal.sum(1) == 1
            if not forced.any():
                return
            self.dispatch(self.legal.int().argmax(1), where=forced)
