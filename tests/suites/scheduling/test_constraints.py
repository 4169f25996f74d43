"""Dates, downtimes and fixed operations: kept by the simulator and by the solver, which count the same costs."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl.agent.environments.scheduling.operations import list_operations
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.errors import InputError
from mtl.suites.scheduling.constraints import OBJECTIVES, Constraints, Downtime, Objective
from mtl.suites.scheduling.instance import JobShop, from_routes
from mtl.suites.scheduling.rollout import rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import solve
from tests.suites.scheduling.shops_strategy import constrained_shops, job_shops, seeds

objectives = st.sampled_from(OBJECTIVES)


def cost_by_hand(instance: JobShop, schedule: Schedule) -> int:
    """The objective, from the names and times of the operations alone."""
    ends: dict[object, int] = {}
    for one in list_operations(schedule):  # which checks all constraints
        ends[one.job] = max(ends.get(one.job, 0), one.end)
    if instance.objective == "makespan":
        return max(ends.values())
    jobs = zip(instance.job_names, instance.constraints.due, instance.constraints.weights, strict=True)
    return sum(weight * max(0, ends[job] - due) for job, due, weight in jobs if due is not None)


@settings(max_examples=25)
@given(objectives.flatmap(lambda o: st.lists(constrained_shops(o), min_size=1, max_size=3)), job_shops(), seeds)
def test_every_schedule_that_is_built_keeps_the_constraints(
    instances: list[JobShop], plain: JobShop, seed: int
) -> None:
    """Also beside shops of other sizes and without constraints, from a copied state, and with a narrower choice."""
    mixed = [*instances, *([plain] if instances[0].objective == "makespan" else [])]
    generator = torch.Generator().manual_seed(seed)
    states = Simulator(Shops.pack(mixed), delay=float(seed % 3) / 2)
    for state in (states, Simulator.join([states.take(torch.arange(len(mixed))), states])):
        built = rollout(lambda s: torch.rand(s.est.shape, generator=generator), state)
        for row, instance in enumerate(mixed):
            schedule = Schedule.of(instance, built.starts[row])
            assert schedule.cost == built.cost[row] == cost_by_hand(instance, schedule)
            assert schedule.makespan == built.makespan[row] >= instance.machine_bound


def costs(state: Simulator) -> Iterator[float]:
    """The costs of all schedules that can be built from the state of one shop."""
    state.advance()
    if state.done.all():
        yield float(state.cost)
        return
    for job in state.legal[0].nonzero().squeeze(1):
        branch = state.take(torch.zeros(1, dtype=torch.long))
        branch.dispatch(job[None])
        yield from costs(branch)


@settings(max_examples=25)
@given(objectives.flatmap(lambda o: constrained_shops(o, largest=3)))
def test_the_best_schedule_that_can_be_built_is_the_optimum_of_the_solver(instance: JobShop) -> None:
    """Of shops in which nothing takes no time; such operations go where nobody else can."""
    instance = replace(
        instance, durations=instance.durations + instance.exists, constraints=replace(instance.constraints, fixed=())
    )
    solution = solve(instance, 10.0)
    assert solution.optimal
    assert solution.cost == min(costs(Simulator(Shops.pack([instance]))))


@settings(max_examples=25)
@given(objectives.flatmap(constrained_shops), st.sampled_from([1e-9, 0.05]))
def test_the_solver_counts_what_the_schedule_costs(instance: JobShop, limit: float) -> None:
    """Also where its time is over before it has begun."""
    solution = solve(instance, limit)
    schedule = Schedule(instance, solution.starts)
    assert solution.bound <= solution.cost == cost_by_hand(instance, schedule)
    assert solution.makespan == schedule.makespan


# Job a: saw 3, drill 2. Job b: drill 2.
SHOP = from_routes("own", [[(0, 3), (1, 2)], [(1, 2)]], ("saw", "drill"), job_names=("a", "b"))


def test_what_is_in_the_way_by_hand() -> None:
    """The saw is down from 2 to 4, so job a saws from 4 to 7; the drill drills b when it is released, at 6."""
    given = Constraints(releases=(0, 6), downtimes=(Downtime(0, 2, 4),), due=(8, None), weights=(3, 1))
    instance = replace(SHOP, constraints=given, objective="weighted_tardiness")
    built = rollout(lambda state: -state.job_ready, Simulator(Shops.pack([instance])))
    assert built.starts.tolist() == [[[4, 8], [6, -1]]]
    assert built.cost.tolist() == [6.0]  # job a is 2 late
    assert built.makespan.tolist() == [10.0]
    solution = solve(instance, 1.0)
    assert solution.cost == 3  # job a drills first, from 7 to 9
    assert instance.machine_bound == 8


def test_downtimes_that_overlap_leave_no_place_for_what_takes_no_time() -> None:
    """Nor do a downtime and a fixed operation: for the solver as for the simulator and the check."""
    shop = from_routes("own", [[(0, 0), (1, 1)], [(0, 6)]])
    for demands, least in (
        ({"downtimes": (Downtime(0, 0, 5), Downtime(0, 2, 9))}, 15),
        ({"downtimes": (Downtime(0, 4, 9),), "fixed": ((), (0,))}, 10),
    ):
        instance = replace(shop, constraints=Constraints(releases=(1, 0), **demands))
        solution = solve(instance, 1.0)
        built = min(costs(Simulator(Shops.pack([instance]))))
        assert solution.cost == Schedule(instance, solution.starts).makespan == built == least


def test_a_job_that_is_due_before_its_release_is_late_in_any_case() -> None:
    """Job b is due at 2 and released at 6, and drills for 2: it is 6 late at least, which counts twice."""
    given = Constraints(releases=(0, 6), due=(None, 2), weights=(1, 2))
    instance = replace(SHOP, constraints=given, objective="weighted_tardiness")
    built = rollout(lambda state: state.job_ready, Simulator(Shops.pack([instance])))
    assert built.cost.tolist() == [12.0]
    assert cost_by_hand(instance, Schedule.of(instance, built.starts[0])) == 12
    solution = solve(instance, 1.0)
    assert (solution.cost, solution.bound) == (12, 12)


def test_a_running_operation_may_span_a_downtime() -> None:
    """It was interrupted, and is as long as both together; what comes after it waits for its end."""
    longer = replace(SHOP, durations=np.array([[7, 2], [2, 0]]))
    instance = replace(longer, constraints=Constraints(downtimes=(Downtime(0, 2, 6),), fixed=((1,), ()), now=3))
    built = rollout(lambda state: -state.est, Simulator(Shops.pack([instance])))
    assert built.starts.tolist() == [[[1, 8], [3, -1]]]
    assert solve(instance, 1.0).makespan == 10


@pytest.mark.parametrize(
    ("given", "objective", "says"),
    [
        (Constraints(releases=(-1, 0)), "makespan", "own, job a: release -1, expected 0 or later"),
        (Constraints(due=(9, 9), weights=(1, -1)), "makespan", "own, job b: weight -1, expected 0 or more"),
        (Constraints(releases=(1,)), "makespan", "own: releases of 1 jobs, expected 2"),
        (Constraints(now=-1), "makespan", "own: now=-1: expected 0 or later"),
        (
            Constraints(downtimes=(Downtime(2, 0, 1),)),
            "makespan",
            "unknown machine in the downtime of instance own '2'",
        ),
        (Constraints(downtimes=(Downtime(0, 5, 5),)), "makespan", "downtime of machine saw from 5 to 5, expected"),
        (Constraints(fixed=((), (0, 2))), "makespan", "own, job b: more operations are fixed than it has"),
        (
            Constraints(fixed=((0, 2), ())),
            "makespan",
            "operation 1 of job a is fixed to start at 2, before 3, when the job",
        ),
        (Constraints(fixed=((0, 3), (4,))), "makespan", "operation 0 of job b is fixed to start at 4 on machine drill"),
        (Constraints(releases=(1, 0), fixed=((0,), ())), "makespan", "at 0, before 1, when the job is released"),
        (Constraints(downtimes=(Downtime(0, 0, 2),), fixed=((1,), ())), "makespan", "in the downtime of machine saw"),
        (Constraints(releases=(2**24, 0)), "makespan", "count from a later moment"),
        (Constraints(weights=(1, 1)), "weighted_tardiness", "needs due dates, and no job has one: add a column due"),
        (Constraints(due=(9, 9)), "weighted_tardiness", "needs weights of jobs: add a column weight"),
        (Constraints(), "tardiness", "unknown objective 'tardiness': did you mean 'weighted_tardiness'"),
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_one_line(given: Constraints, objective: Objective, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        replace(SHOP, constraints=given, objective=objective)
    assert "\n" not in str(error.value)


def test_shops_without_constraints_are_packed_without_them() -> None:
    assert Shops.pack([SHOP]).constraints is None
    assert SHOP.heads.tolist() == [[0, 3], [0, 2]]
