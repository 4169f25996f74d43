"""From reference schedules to labelled states."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.suites.scheduling.features import features, lower_bound
from mtl.suites.scheduling.further_labels import Continued, further_labels
from mtl.suites.scheduling.rollout import Policy
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator

# States completed at once: bounds the memory.
_CHUNK = 2048


def follow_schedule(shops: Shops, starts: Tensor) -> Policy:
    """Dispatch each machine's operations in the order of given schedules: ``starts`` ``[N, J, K]`` of ``shops``.

    From the empty state the result is the schedule shifted to the left: every operation ends when it did or earlier.
    (When the machine's first waiting operation by that order cannot start before another candidate would end, that
    candidate fits in before it and goes first.) Operations of duration 0 are the exception: the simulator lets them go
    only where nobody else can, which may delay them.
    """
    by_machine = shops.by_machine(starts).masked_fill(~shops.visits, torch.inf)
    jobs, position = shops.slot_jobs.flatten(1), shops.position

    def policy(simulator: Simulator) -> Tensor:
        scheduled = position < simulator.next_operation.gather(1, jobs).view(position.shape)
        first = by_machine.masked_fill(scheduled, torch.inf).amin(2)  # [N, M]
        following = simulator.next_operation.clamp(max=starts.shape[2] - 1)
        start = starts.gather(2, following[..., None]).squeeze(2)  # [N, J]
        is_next = start == first.gather(1, simulator.machine)
        return -simulator.ect + is_next * 1e9

    return policy


def complete_schedules(policy: Policy, simulator: Simulator) -> None:
    """Like a greedy :func:`rollout`, for policies so cheap that they may as well be asked where there is no choice."""
    while not simulator.done.all():
        simulator.dispatch(policy(simulator).masked_fill(~simulator.legal, -torch.inf).argmax(1))


class States(NamedTuple):
    """States of partly built schedules: in a simulator, with the row of the shop that each belongs to, ``[S]``."""

    simulator: Simulator
    shop: Tensor


def collect_states(
    shops: Shops, starts: Tensor, deviation_probabilities: Sequence[float], generator: torch.Generator
) -> States:
    """All states with a choice on the way to the end, following the schedules ``starts`` ``[N, J, K]``.

    Every shop is simulated once per entry of ``deviation_probabilities``: the probability that a step goes to a random
    candidate instead. Such states show how to go on after a mistake, which a learner that only ever saw the reference
    has to guess.
    """
    shop = torch.arange(len(shops)).repeat(len(deviation_probabilities))
    share = torch.tensor(deviation_probabilities, dtype=torch.float).repeat_interleave(len(shops))[:, None]
    simulator = Simulator(shops.take(shop))
    order = follow_schedule(simulator.shops, starts[shop])
    parts, origins = [], []
    simulator.advance()
    while not simulator.done.all():
        rows = (~simulator.done).nonzero().squeeze(1)
        parts.append(simulator.take(rows))
        origins.append(shop[rows])
        scores = order(simulator)
        deviates = torch.rand(len(shop), 1, generator=generator) < share
        scores = torch.where(deviates, torch.rand(scores.shape, generator=generator), scores)
        simulator.dispatch(scores.masked_fill(~simulator.legal, -torch.inf).argmax(1))
        simulator.advance()
    if not parts:
        raise InputError("these instances leave no choice to learn from: every machine ever has one candidate")
    return States(Simulator.join(parts), torch.cat(origins))


def limit_candidates(states: States, max_candidates: int) -> States:
    """The states with at most ``max_candidates`` candidates."""
    rows = (states.simulator.legal.sum(1) <= max_candidates).nonzero().squeeze(1)
    return States(states.simulator.take(rows), states.shop[rows])


def candidate_makespans(states: States, starts: Tensor) -> Tensor:
    """Makespan ``[S, W]`` when each candidate goes next and the order of the schedules ``starts`` is followed after it.

    Infinite for padded candidates.
    """
    jobs, mask = states.simulator.candidates()
    result = torch.full(mask.shape, torch.inf)
    rows, slots = mask.nonzero(as_tuple=True)
    # Those that end after equally many steps together, as a chunk takes as many steps as its longest.
    steps = (states.simulator.starts < 0).sum((1, 2))[rows]
    order = steps.argsort()
    rows, slots = rows[order], slots[order]
    for part_rows, part_slots in zip(torch.split(rows, _CHUNK), torch.split(slots, _CHUNK), strict=True):
        branch = states.simulator.take(part_rows)
        branch.dispatch(jobs[part_rows, part_slots])
        complete_schedules(follow_schedule(branch.shops, starts[states.shop[part_rows]]), branch)
        result[part_rows, part_slots] = branch.makespan
    return result


def busy_after(simulator: Simulator, present: Tensor) -> Tensor:
    """``[N]`` work of all machines after the time ``present`` ``[N]``: what waits, and the rest of what runs."""
    durations = simulator.shops.durations
    ends = simulator.starts + durations
    rest = torch.minimum(ends - present[:, None, None], durations).clamp(min=0.0)
    return torch.where(simulator.starts >= 0, rest, durations).sum((1, 2))


def label(
    states: States, starts: Tensor, tolerance: float = 0.0, further: Sequence[str] = ()
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs and targets of the states; ``further`` names those of :mod:`mtl.suites.scheduling.further_labels`.

    Targets:
        assignment ``[S, W]``: 1 for each candidate after which following the reference ends at most ``tolerance`` (a
        share) later than after the best candidate, else 0. Ties and orders that do not matter so get credit.
        utilisation ``[S]``: busy share of the machines from the present (the earliest possible start) to the
        reference's end.
        makespan ``[S]``: the reference's end over the current lower bound, minus 1.
    """
    ends = candidate_makespans(states, starts)
    best = ends.amin(1)
    simulator = states.simulator
    present = simulator.est.masked_fill(~simulator.unfinished, torch.inf).amin(1)
    span = simulator.shops.machine_count * (best - present).clamp(min=1.0)
    targets = {
        "assignment": (ends <= best[:, None] * (1.0 + tolerance)).float(),
        "utilisation": busy_after(simulator, present) / span,
        "makespan": best / lower_bound(simulator) - 1.0,
    }
    if further:
        jobs, mask = simulator.candidates()
        more = further_labels(Continued(simulator, jobs, mask, ends, finished_by(states, starts, ends), present))
        targets |= {name: more[name] for name in further}
    return features(simulator), targets


def finished_by(states: States, starts: Tensor, ends: Tensor) -> Simulator:
    """The schedules with the best candidate next, and the order of the schedules ``starts`` followed after it."""
    jobs, _ = states.simulator.candidates()
    best, parts = ends.argmin(1), []
    for rows in torch.split(torch.arange(len(best)), _CHUNK):
        branch = states.simulator.take(rows)
        branch.dispatch(jobs[rows, best[rows]])
        complete_schedules(follow_schedule(branch.shops, starts[states.shop[rows]]), branch)
        parts.append(branch)
    return Simulator.join(parts)
