"""Following a reference reproduces it, and labels say what following it would bring."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings

from mtl.errors import InputError
from mtl.suites.scheduling.features import lower_bound
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.labels import candidate_makespans, collect_states, follow_schedule, label
from mtl.suites.scheduling.rollout import rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import solve
from tests.suites.scheduling.shops_strategy import job_shops, mixed, seeds


def at_random(instances: list[JobShop], seed: int) -> tuple[Shops, torch.Tensor]:
    """Shops and the starts of random active schedules."""
    shops = Shops.pack(instances)
    generator = torch.Generator().manual_seed(seed)
    built = rollout(lambda s: torch.rand(s.est.shape, generator=generator), Simulator(shops))
    return shops, built.starts


@settings(max_examples=30)
@given(mixed, seeds)
def test_replaying_an_active_schedule_reproduces_it(instances: list[JobShop], seed: int) -> None:
    shops, starts = at_random(instances, seed)
    again = rollout(follow_schedule(shops, starts), Simulator(shops))
    makespan = (starts + shops.durations).amax((1, 2))
    assert (again.makespan <= makespan).all()
    if (shops.durations[shops.real] > 0).all():
        assert torch.equal(again.starts, starts)


@settings(max_examples=30)
@given(mixed, seeds)
def test_replaying_a_schedule_with_gaps_ends_no_operation_later(instances: list[JobShop], seed: int) -> None:
    shops, starts = at_random(instances, seed)
    # Stretching time keeps a schedule feasible and leaves gaps everywhere.
    loose = torch.where(shops.real, 3 * starts, starts)
    again = rollout(follow_schedule(shops, loose), Simulator(shops))
    assert (again.starts <= loose)[shops.real & (shops.durations > 0)].all()


@settings(max_examples=10)
@given(job_shops(5))
def test_replaying_the_solver_reproduces_its_makespan(instance: JobShop) -> None:
    assume((instance.durations > 0).all())
    solution = solve(instance, limit=0.2)
    starts = torch.from_numpy(solution.starts).float()[None]
    shops = Shops.pack([instance])
    replayed = rollout(follow_schedule(shops, starts), Simulator(shops)).makespan.item()
    assert replayed == solution.makespan if solution.optimal else replayed <= solution.makespan


@settings(max_examples=30)
@given(mixed, seeds)
def test_states_are_those_with_a_choice_and_the_reference_choice_is_never_worse_than_it(
    instances: list[JobShop], seed: int
) -> None:
    shops, starts = at_random(instances, seed)
    makespan = (starts + shops.durations).amax((1, 2))
    try:
        states = collect_states(shops, starts, [0.0, 0.3], torch.Generator().manual_seed(seed))
    except InputError:
        return  # no instance leaves a choice
    assert (states.simulator.legal.sum(1) >= 2).all()
    on_the_way = collect_states(shops, starts, [0.0], torch.Generator()) if len(states.shop) else states
    ends = candidate_makespans(on_the_way, starts)
    assert (ends.amin(1) <= makespan[on_the_way.shop]).all()


@settings(max_examples=30)
@given(mixed, seeds)
def test_targets_against_a_finished_schedule(instances: list[JobShop], seed: int) -> None:
    shops, starts = at_random(instances, seed)
    try:
        states = collect_states(shops, starts, [0.0], torch.Generator().manual_seed(seed))
    except InputError:
        return
    inputs, targets = label(states, starts)
    ends = candidate_makespans(states, starts)
    assert torch.equal(targets["assignment"] > 0, ends == ends.amin(1, keepdim=True))
    assert (targets["assignment"] <= inputs["mask"]).all()
    assert ((targets["utilisation"] >= 0) & (targets["utilisation"] <= 1 + 1e-6)).all()
    assert (targets["makespan"] >= -1e-5).all()
    torch.testing.assert_close((1 + targets["makespan"]) * lower_bound(states.simulator), ends.amin(1))
    tolerant = label(states, starts, tolerance=0.5)[1]["assignment"]
    assert (tolerant >= targets["assignment"]).all()


def test_utilisation_by_hand() -> None:
    # One machine, two jobs of 2 and 3: busy from 0 to 5. Two machines of which one is done at 5 of 6.
    single = JobShop("single", np.array([[2], [3]]), np.zeros((2, 1), dtype=int))
    double = JobShop("double", np.array([[2, 1], [3, 1]]), np.array([[0, 1], [0, 1]]))
    for instance, expected in ((single, 1.0), (double, 7 / 12)):
        shops = Shops.pack([instance])
        starts = rollout(lambda s: -s.duration, Simulator(shops)).starts
        states = collect_states(shops, starts, [0.0], torch.Generator())
        targets = label(states, starts)[1]
        assert targets["utilisation"][0].item() == pytest.approx(expected)


@settings(max_examples=20)
@given(job_shops(3))
def test_an_optimal_schedule_is_among_the_active_ones(instance: JobShop) -> None:
    """Exhaustive: some order of choices reaches the optimum that the solver proves."""
    best = solve(instance, limit=1.0)
    assert best.optimal
    simulator = Simulator(Shops.pack([instance]))
    while not simulator.done.all():
        rows, jobs = simulator.legal.nonzero(as_tuple=True)
        simulator = simulator.take(rows)
        simulator.dispatch(jobs)
    assert simulator.makespan.min().item() == best.makespan


def test_instances_without_a_choice_are_an_error() -> None:
    alone = JobShop("alone", np.array([[1, 2]]), np.array([[0, 1]]))
    with pytest.raises(InputError, match="no choice"):
        collect_states(Shops.pack([alone]), torch.zeros(1, 1, 2), [0.0], torch.Generator())
