"""Lists of operations as they are written, and the check that they are a schedule."""

import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings

from mtl.agent.environments.scheduling.operations import find_violation, list_operations
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.scheduled_operation import ScheduledOperation
from mtl.suites.scheduling.constraints import Constraints, Downtime
from mtl.suites.scheduling.instance import JobShop, from_routes
from mtl.suites.scheduling.rollout import rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import solve
from tests.suites.scheduling.shops_strategy import job_shops, seeds

# Job a: saw 0-3, then drill 3-5. Job b: drill 0-2.
SHOP = from_routes(
    "own", [[(0, 3), (1, 2)], [(1, 2)]], ("saw", "drill"), job_names=("a", "b"), operation_names=((10, 20), (10,))
)
GOOD = (
    ScheduledOperation("a", 10, "saw", 0, 3),
    ScheduledOperation("a", 20, "drill", 3, 5),
    ScheduledOperation("b", 10, "drill", 0, 2),
)


def test_a_schedule_by_hand() -> None:
    starts = torch.tensor([[0.0, 3.0], [0.0, -1.0]])
    assert list_operations(Schedule.of(SHOP, starts)) == list(GOOD)
    assert find_violation(SHOP, GOOD) is None
    assert find_violation(SHOP, GOOD[::-1]) is None


@pytest.mark.parametrize(
    ("place", "change", "problem"),
    [
        (0, {"machine": "drill"}, "operation 10 of job a is on machine drill"),
        (0, {"start": -1, "end": 2}, "runs from -1 to 2"),
        (0, {"end": 4}, "runs from 0 to 4 and takes 3"),
        (1, {"start": 2, "end": 4}, "job a has an operation that begins at 2, before 3"),
        (2, {"start": 4, "end": 6}, "machine drill has an operation that begins at 4, before 5"),
        (2, {"job": "c"}, "3 operations, of which 2 are of the instance's"),
        (2, {"job": "a", "operation": 20}, "3 operations, of which 2 are"),
    ],
    ids=str,
)
def test_every_violation_is_found(place: int, change: dict[str, object], problem: str) -> None:
    changed = [*GOOD]
    changed[place] = changed[place]._replace(**change)
    found = find_violation(SHOP, changed)
    assert found is not None
    assert problem in found


def test_a_missing_operation_is_a_violation() -> None:
    assert find_violation(SHOP, GOOD[:2]) is not None
    assert find_violation(SHOP, [*GOOD, GOOD[2]]) is not None


@settings(max_examples=20)
@given(job_shops(), seeds)
def test_what_the_simulator_builds_and_the_solver_finds_has_no_violation(instance: JobShop, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    built = rollout(
        lambda simulator: torch.rand(simulator.est.shape, generator=generator), Simulator(Shops.pack([instance]))
    )
    for schedule in (
        Schedule.of(instance, built.starts[0]),
        Schedule(instance, solve(instance, limit=0.05).starts),
    ):
        operations = list_operations(schedule)
        assert len(operations) == instance.operation_count
        assert max(one.end for one in operations) == schedule.makespan
        assert schedule.makespan >= instance.machine_bound


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (Constraints(releases=(0, 1)), "operation 10 of job b begins at 0, before the release of the job at 1"),
        (Constraints(now=1), "operation 10 of job a begins at 0, before .* the moment of planning, 1"),
        (Constraints(fixed=((1,), ())), "operation 10 of job a begins at 0 and is fixed to 1"),
        (Constraints(downtimes=(Downtime(1, 4, 9),)), "operation 20 of job a .* drill does not work from 4 to 9"),
    ],
    ids=str,
)
def test_every_broken_constraint_is_found(given: Constraints, problem: str) -> None:
    found = find_violation(replace(SHOP, constraints=given), GOOD)
    assert found is not None
    assert re.search(problem, found)
