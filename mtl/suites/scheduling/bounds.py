"""Lower bounds of the makespan of partly built schedules, many at once."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtl.suites.scheduling.shops import Shops

# Times are whole numbers below 2**24, which single precision holds exactly. Sort keys count them down from this.
_LATEST = 1 << 30
_HEAD_BITS = 31
_NEVER = -(1 << 28)  # head of what is scheduled already: any bound with it is far below 0


class MachineView(NamedTuple):
    """The unscheduled operations as their machines see them (P states, M machines with S operations, J jobs).

    Attributes:
        shops: N shops.
        rows: ``[P]`` the shop of each state.
        heads: ``[P, M, S]`` by machine: earliest start; infinite where scheduled.
        waiting: ``[P, M, S]`` bool, by machine: not yet scheduled.
        paths: ``[P, J]`` earliest end of each job's whole route; minus infinity where it is done.
    """

    shops: Shops
    rows: Tensor
    heads: Tensor
    waiting: Tensor
    paths: Tensor


def machine_view(
    shops: Shops, next_operation: Tensor, job_ready: Tensor, machine_ready: Tensor, rows: Tensor | None = None
) -> MachineView:
    """Heads of all unscheduled operations when only routes and the scheduled operations bind.

    The head of operation k of a job is ``max(ready of its machine, head of k-1 + duration of k-1)``; with ``B_k`` the
    work before k that is ``B_k + max_i<=k (ready_i - B_i)``, a running maximum instead of a loop over the route.

    Args:
        shops: N shops.
        next_operation: ``[P, J]`` index of the first operation not yet scheduled.
        job_ready: ``[P, J]`` end of the job's last scheduled operation.
        machine_ready: ``[P, M]`` end of the machine's last scheduled operation.
        rows: ``[P]`` the shop of each state; None: one state of each shop.

    Returns:
        The view.
    """
    if rows is None:
        rows = torch.arange(len(shops))
    before, place, visits = shops.before[rows], shops.place[rows], shops.visits[rows]
    step = torch.arange(before.shape[2])
    following = next_operation[..., None]
    ready = machine_ready.gather(1, shops.machines[rows].flatten(1)).view(before.shape)
    ready = torch.where(step == following, torch.maximum(ready, job_ready[..., None]), ready)
    slack = (ready - before).masked_fill((step < following) | ~shops.real[rows], -torch.inf)
    latest = torch.from_numpy(_running(np.maximum, slack.movedim(2, 0).contiguous().numpy())).movedim(0, 2)
    work = shops.durations.sum(2)[rows]
    flat = place.flatten(1)
    heads = (latest + before).flatten(1).gather(1, flat).view(place.shape)
    waiting = (step >= following).flatten(1).gather(1, flat).view(place.shape) & visits
    return MachineView(shops, rows, heads.masked_fill(~waiting, torch.inf), waiting, latest[..., -1] + work)


def machine_bounds(view: MachineView, machine_ready: Tensor) -> Tensor:
    """``[P, M]``: no schedule of the machine's waiting operations ends their jobs before this.

    For a set S of operations of one machine, ``min head(S) + sum duration(S) + min tail(S)`` is a bound (J. Carlier,
    "The one-machine sequencing problem", European Journal of Operational Research 11, 1982). The best one over all S is
    that of the preemptive schedule; here two sets per operation are tried, which sorting and running sums give without
    a loop: the operations in descending order of (head, tail) up to each, and in that of (tail, head) up to each. Ties
    are frequent (whatever waits for a machine has the same head), so that the second key matters: it makes the bound
    independent of the numbering, and larger. Machines without waiting operations get their ready time.

    Each order is a sort of whole numbers into which the keys and the operation are packed: numpy sorts those an order
    of magnitude faster than torch sorts with two keys.
    """
    shops, waiting = view.shops, view.waiting.numpy()
    slots = waiting.shape[2]
    bits = (slots - 1).bit_length()
    durations, tails = shops.by_machine(shops.durations).numpy(), shops.by_machine(shops.tails).numpy()
    _, machines, _ = durations.shape
    first = (view.rows.numpy()[:, None] * machines + np.arange(machines)) * slots  # of each machine
    heads = view.heads.masked_fill(~view.waiting, _NEVER).long().numpy()
    # By machine, operations are in descending order of tails: their numbers are the second key
    late = ((_LATEST - heads) << bits) | np.arange(slots)
    ranks = np.where(waiting, shops.tail_rank.numpy()[view.rows.numpy()], slots)

    def bounds(keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """``[P, M]`` the best bound of the sets that this order gives."""
        keys.sort(axis=2)
        keys = np.ascontiguousarray(np.moveaxis(keys, 2, 0))
        at = (keys & ((1 << bits) - 1)) + first
        head = (_LATEST - ((keys >> bits) & ((1 << _HEAD_BITS) - 1))).astype(np.float32)
        sets = _running(np.minimum, head)
        sets += _running(np.add, durations.take(at))
        sets += _running(np.minimum, tails.take(at))
        best: NDArray[np.float32] = sets.max(axis=0)
        return best

    # What is scheduled comes last in either order, with a head that makes its sets count for nothing
    best = np.maximum(bounds((ranks << (_HEAD_BITS + bits)) | late), bounds(late))
    return torch.maximum(torch.from_numpy(best), machine_ready)


def _running(operation: np.ufunc, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Running sums, minima or maxima along the first axis, in place.

    Row by row, which is ten times as fast as the operation's own ``accumulate``.
    """
    for before, row in pairwise(values):
        operation(before, row, out=row)
    return values


def job_bounds(view: MachineView, job_ready: Tensor) -> Tensor:
    """``[P, J]``: the earliest end of each job's whole route."""
    return torch.maximum(view.paths, job_ready)
