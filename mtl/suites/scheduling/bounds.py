"""Lower bounds of the makespan of partly built schedules, many at once."""

from typing import NamedTuple

import torch
from torch import Tensor

from mtl.suites.scheduling.shops import Shops, by_job


class MachineView(NamedTuple):
    """The unscheduled operations as their machines see them, ``[P, J * V, M]`` by machine (P states).

    Attributes:
        heads: earliest start (infinite where scheduled).
        durations: duration (0 where scheduled).
        tails: work of the job after the operation (infinite where scheduled).
        waiting: bool, not yet scheduled.
    """

    heads: Tensor
    durations: Tensor
    tails: Tensor
    waiting: Tensor


def machine_view(shops: Shops, next_operation: Tensor, job_ready: Tensor, machine_ready: Tensor) -> MachineView:
    """Heads of all unscheduled operations when only routes and the scheduled operations bind.

    The head of operation k of a job is ``max(ready of its machine, head of k-1 + duration of k-1)``; with ``B_k`` the
    work before k that is ``B_k + max_i<=k (ready_i - B_i)``, a running maximum instead of a loop over the route.
    """
    _, jobs, longest = shops.durations.shape
    step = torch.arange(longest)
    following = next_operation[..., None]
    waiting = shops.real & (step >= following)
    ready = machine_ready[:, None, :].expand(-1, jobs, -1).gather(2, shops.machines)
    ready = torch.where(step == following, torch.maximum(ready, job_ready[..., None]), ready)
    slack = (ready - shops.before).masked_fill(step < following, -torch.inf)
    heads = slack.cummax(2).values + shops.before
    waiting = shops.by_machine(waiting) & shops.visits
    return MachineView(
        heads=shops.by_machine(heads).masked_fill(~waiting, torch.inf),
        durations=shops.by_machine(shops.durations) * waiting,
        tails=shops.by_machine(shops.tails).masked_fill(~waiting, torch.inf),
        waiting=waiting,
    )


def machine_bounds(view: MachineView, machine_ready: Tensor) -> Tensor:
    """``[P, M]``: no schedule of the machine's waiting operations ends their jobs before this.

    For a set S of operations of one machine, ``min head(S) + sum duration(S) + min tail(S)`` is a bound (J. Carlier,
    "The one-machine sequencing problem", European Journal of Operational Research 11, 1982). The best one over all S is
    that of the preemptive schedule; here 2 J V sets are tried, which sorting and running sums give without a loop: the
    operations in descending order of (head, tail) up to each, and in that of (tail, head) up to each. Machines
    without waiting operations get their ready time.
    """
    tails, order = view.tails.masked_fill(~view.waiting, -torch.inf).sort(1, descending=True)
    heads = view.heads.masked_fill(~view.waiting, -torch.inf).gather(1, order)
    durations = view.durations.gather(1, order)
    # Ties are frequent (whatever waits for a machine has the same head), so that the second key matters: it makes the
    # bound independent of the numbering, and larger.
    heads, order = heads.sort(dim=1, descending=True, stable=True)
    tails, durations = tails.gather(1, order), durations.gather(1, order)
    by_head = heads + durations.cumsum(1) + tails.cummin(1).values
    tails, order = tails.sort(dim=1, descending=True, stable=True)
    heads, durations = heads.gather(1, order), durations.gather(1, order)
    by_tail = tails + durations.cumsum(1) + heads.cummin(1).values
    # Operations already scheduled come last with minus infinity, so the sets that they are in drop out.
    return torch.maximum(torch.maximum(by_head.amax(1), by_tail.amax(1)), machine_ready)


def job_bounds(view: MachineView, job_ready: Tensor) -> Tensor:
    """``[P, J]``: the earliest end of each job's whole route."""
    path = (view.heads + view.durations + view.tails).masked_fill(~view.waiting, -torch.inf)
    return torch.maximum(by_job(path, job_ready.shape[1]).amax(2), job_ready)
