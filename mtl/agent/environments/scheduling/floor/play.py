"""A shop floor at work: plans are carried out until something happens, then what is left is planned anew."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mtl.agent.environments.scheduling.floor.disturbances import Breakdown, Episode, NewJob
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.suites.scheduling.alternatives import NO_MACHINE, Alternatives
from mtl.suites.scheduling.constraints import Downtime
from mtl.suites.scheduling.instance import JobShop

# From a shop in the middle of its work to a schedule of it, with the machines that are chosen
Planner = Callable[[JobShop], Schedule]
NEVER = np.iinfo(np.int64).max
Pause = tuple[int, int]  # start and end of a time in which a machine does not work


@dataclass(frozen=True, eq=False)
class Played:
    """What became of a shop.

    Attributes:
        schedule: what was done, with the times that it took.
        seconds: wall clock of each plan.
    """

    schedule: Schedule
    seconds: list[float] = field(default_factory=list)


class Floor:
    """The state of a shop floor. Nothing that is to come is in ``instance``, which planners see.

    Operations that are frozen for the future are free again once something happens.

    Args:
        episode: what happens.

    Attributes:
        instance: what is known: jobs, what has begun, how long operations take as far as that is known, downtimes.
        late: ``[J, K]`` or ``[J, K, A]`` additional time of operations that nobody knows of yet.
        allowance: how many times its work a new job may take until its due date.
    """

    def __init__(self, episode: Episode) -> None:
        self.instance = episode.instance
        # Of what is known at the beginning: what is found out later depends on the planner, and due dates must not
        self.allowance = new_job_allowance(episode.instance)
        self.late = episode.late.copy()
        events: list[Breakdown | NewJob] = [*episode.breakdowns, *episode.new_jobs]
        self.events = sorted(events, key=lambda event: event.time)

    def next_moment(self, plan: Schedule) -> int:
        """When the first thing happens that is not in a plan; ``NEVER`` if nothing will."""
        unknown = self._late_in(plan.instance) > 0
        found_out = (plan.starts + plan.instance.durations)[unknown]
        event = self.events[0].time if self.events else NEVER
        return int(min(found_out.min(initial=NEVER), event))

    def _late_in(self, shop: JobShop) -> NDArray[np.int64]:
        """``[J, K]``: the additional time of operations on the machines of a plan."""
        if shop.alternatives is None:
            return self.late
        found: NDArray[np.int64] = (self.late * (shop.alternatives.machines == shop.machines[..., None])).sum(2)
        return found

    def carry_out(self, plan: Schedule, until: int) -> None:
        """Do what a plan has begun before a moment, and let happen what happens then.

        Args:
            plan: what is planned of the shop.
            until: the moment, no later than the next one at which something happens.
        """
        shop, starts, late = plan.instance, plan.starts, self._late_in(plan.instance)
        fixed = tuple(tuple(start for start in row if 0 <= start < until) for row in starts.tolist())
        ended = starts + shop.durations == until
        found_out = (late > 0) & ended & (starts < until) & shop.exists
        durations = shop.durations.copy()
        for job, place in np.argwhere(found_out).tolist():
            pauses = pauses_of(shop, int(shop.machines[job, place]))
            durations[job, place] = work_on(until, int(late[job, place]), pauses) - starts[job, place]
        self.late = self.late.copy()
        self.late[found_out] = 0
        now = 0 if until == NEVER else until
        self.instance = replace(shop, durations=durations, constraints=replace(shop.constraints, fixed=fixed, now=now))
        while self.events and self.events[0].time == until:
            event = self.events.pop(0)
            if isinstance(event, Breakdown):
                self._break_down(event)
            else:
                self._arrive(event)

    def _break_down(self, event: Breakdown) -> None:
        """A machine fails: what runs on it goes on after the repair, and after downtimes that come then."""
        shop = self.instance
        before = pauses_of(shop, event.machine)
        downtime = Downtime(event.machine, event.time, event.time + event.repair)
        constraints = replace(shop.constraints, downtimes=(*shop.constraints.downtimes, downtime))
        durations = shop.durations.copy()
        begun = (shop.machines == event.machine) & (shop.fixed >= 0)
        for job, place in np.argwhere(begun & (shop.fixed + shop.durations > event.time)).tolist():
            start = int(shop.fixed[job, place])
            end = start + int(durations[job, place])
            left = end - event.time - paused(event.time, end, before)
            pauses = sorted([*before, (downtime.start, downtime.end)])
            durations[job, place] = work_on(event.time, left, pauses) - start
        self.instance = replace(shop, durations=durations, constraints=constraints)

    def _arrive(self, event: NewJob) -> None:
        """A job comes in addition."""
        shop, given = self.instance, self.instance.constraints
        columns = max(shop.durations.shape[1], len(event.machines))

        def below(table: NDArray[np.int64], row: NDArray[np.int64], empty: int) -> NDArray[np.int64]:
            larger = np.full((len(table) + 1, columns, *table.shape[2:]), empty, dtype=np.int64)
            larger[:-1, : table.shape[1]] = table
            larger[-1].reshape(columns, -1)[: len(row), 0] = row  # a view; one machine can do it
            return larger

        choice = shop.alternatives
        if choice is not None:
            machines, durations = below(choice.machines, event.machines, NO_MACHINE), choice.durations
            choice = Alternatives(machines, below(durations, event.durations, 0))
        due = event.time + round(self.allowance * int(event.durations.sum()))
        self.late = below(self.late, event.late, 0)
        self.instance = replace(
            shop,
            durations=below(shop.durations, event.durations, 0),
            machines=below(shop.machines, event.machines, NO_MACHINE),
            alternatives=choice,
            job_names=(*shop.job_names, shop.jobs if numbered(shop) else f"new {shop.jobs}"),
            operation_names=(*shop.operation_names, tuple(range(len(event.machines)))),
            constraints=replace(
                given,
                releases=(*(given.releases or (0,) * shop.jobs), event.time),
                due=(*given.due, due) if given.due else (),
                weights=(*given.weights, 1) if given.weights else (),
                fixed=(*(given.fixed or ((),) * shop.jobs), ()),
            ),
        )


def pauses_of(shop: JobShop, machine: int) -> list[Pause]:
    """Starts and ends of the downtimes of a machine, by start."""
    return sorted((down.start, down.end) for down in shop.constraints.downtimes if down.machine == machine)


def paused(start: int, end: int, pauses: Sequence[Pause]) -> int:
    """How much of a time a machine does not work.

    Args:
        start: of the time.
        end: of the time.
        pauses: of the machine, by start; they may overlap.

    Returns:
        The length.
    """
    total, counted = 0, start
    for begin, over in pauses:
        total += max(0, min(over, end) - max(begin, counted))
        counted = max(counted, over)
    return total


def work_on(moment: int, work: int, pauses: Sequence[Pause]) -> int:
    """When an operation ends that a machine works on, and does not in its pauses.

    Args:
        moment: from which on it goes on.
        work: that is left of it, above 0.
        pauses: of the machine, by start; they may overlap.

    Returns:
        The moment.
    """
    for begin, over in pauses:
        if begin >= moment + work:
            break
        if over > moment:
            work -= max(0, begin - moment)
            moment = over
    return moment + work


def numbered(shop: JobShop) -> bool:
    """Whether jobs are called by their numbers from 0, which a new one can go on with."""
    return shop.job_names == tuple(range(shop.jobs))


def new_job_allowance(shop: JobShop) -> float:
    """How many times its work a new job may take until its due date: as many as the jobs of the shop on average."""
    given = shop.constraints
    work = shop.shortest.sum(1).tolist()
    shares = [
        (due - given.release(job)) / work[job] for job, due in enumerate(given.due) if due is not None and work[job]
    ]
    return max(0.0, sum(shares) / len(shares)) if shares else 0.0  # below 0 where jobs are due before their release


def play(episode: Episode, planner: Planner) -> Played:
    """Let a planner run a shop from beginning to end.

    Args:
        episode: what happens.
        planner: plans at the beginning, and after everything that happens.

    Returns:
        What became of it. The schedule is checked against all that happened.
    """
    floor, seconds = Floor(episode), []
    while True:
        started = time.perf_counter()
        plan = planner(floor.instance)
        seconds.append(time.perf_counter() - started)
        moment = floor.next_moment(plan)
        if moment == NEVER:
            return Played(plan, seconds)
        floor.carry_out(plan, moment)
