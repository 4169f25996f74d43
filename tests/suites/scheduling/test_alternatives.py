"""Alternative machines: chosen by the simulator and by the solver, whose schedules are possible and cost the same."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl.agent.environments.scheduling.operations import find_violation, list_operations
from mtl.agent.environments.scheduling.rules import rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.errors import InputError
from mtl.suites.scheduling.alternatives import pad_alternatives
from mtl.suites.scheduling.constraints import OBJECTIVES
from mtl.suites.scheduling.features import features
from mtl.suites.scheduling.instance import JobShop, from_options
from mtl.suites.scheduling.rollout import rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import solve
from tests.suites.scheduling.shops_strategy import flexible_shops, job_shops, seeds
from tests.suites.scheduling.test_constraints import cost_by_hand

objectives = st.sampled_from(OBJECTIVES)


@settings(max_examples=12)
@given(objectives.flatmap(lambda o: st.lists(flexible_shops(o), min_size=1, max_size=3)), job_shops(), seeds)
def test_every_schedule_that_is_built_is_possible(instances: list[JobShop], plain: JobShop, seed: int) -> None:
    """Also beside a shop without alternatives, and from a copied state; the features of every state are numbers."""
    mixed = [*instances, *([plain] if instances[0].objective == "makespan" else [])]
    generator = torch.Generator().manual_seed(seed)

    def policy(simulator: Simulator) -> torch.Tensor:
        assert all(values.isfinite().all() for values in features(simulator).values())
        return torch.rand(simulator.est.shape, generator=generator)

    states = Simulator(Shops.pack(mixed), reluctance=seed % 3)
    built = rollout(policy, Simulator.join([states.take(torch.arange(len(mixed))), states]))
    for row, instance in enumerate(mixed):
        schedule = Schedule.of(instance, built.starts[row], built.machines[row])
        assert schedule.cost == built.cost[row] == cost_by_hand(instance, schedule)
        assert schedule.makespan >= instance.machine_bound


@settings(max_examples=12)
@given(objectives.flatmap(flexible_shops), st.sampled_from([1e-9, 0.05]))
def test_the_solver_counts_what_the_schedule_costs(instance: JobShop, limit: float) -> None:
    solution = solve(instance, limit)
    chosen = instance if solution.machines is None else instance.on(solution.machines)
    schedule = Schedule(chosen, solution.starts)
    assert solution.bound <= solution.cost == cost_by_hand(instance, schedule)
    assert solution.makespan == schedule.makespan


@settings(max_examples=10)
@given(objectives.flatmap(lambda o: flexible_shops(o, largest=2)))
def test_the_optimum_of_the_solver_is_that_of_the_best_choice_of_machines(instance: JobShop) -> None:
    """Each choice makes a shop without alternatives, which the solver solves to the end."""
    assert instance.alternatives is not None
    free = [tuple(place) for place in np.argwhere(instance.exists & (instance.fixed < 0)).tolist()]
    costs = []
    for choice in product(*(range(int(instance.alternatives.count[place])) for place in free)):
        machines = instance.machines.copy()
        for place, number in zip(free, choice, strict=True):
            machines[place] = instance.alternatives.machines[(*place, number)]
        costs.append(solve(replace(instance.on(machines), alternatives=None), 10.0).cost)
    assert solve(instance, 10.0).cost == min(costs)


# The saw cuts in 6, the laser in 4; only the saw can do the last operation.
SHOP = from_options("own", [[[(0, 6), (1, 4)], [(0, 3)]], [[(0, 5), (1, 9)]]], ("saw", "laser"))


def test_an_operation_goes_where_it_ends_first() -> None:
    schedule = Schedule.of(SHOP, *(part[0] for part in rules(0)["mwkr"].build(Shops.pack([SHOP]))))
    assert schedule.instance.machines.tolist() == [[1, 0], [0, -1]]
    assert schedule.instance.durations.tolist() == [[4, 3], [5, 0]]
    assert schedule.starts.tolist() == [[0, 5], [0, -1]]
    assert solve(SHOP, 1.0).cost == schedule.makespan == 8
    assert SHOP.machine_bound == 7


def test_a_job_that_is_reluctant_waits_for_a_fast_machine() -> None:
    """After the first job the fast machine ends the second one at 5 + 3, the slow one, which takes 4 longer, at 7."""
    shops = Shops.pack([from_options("own", [[[(0, 5)]], [[(0, 3), (1, 7)]]], ("fast", "slow"))])
    for reluctance, machine, end in ((0.0, 1, 7.0), (0.2, 1, 7.0), (0.5, 0, 8.0)):
        state = Simulator(shops, delay=0.0, reluctance=reluctance)
        state.dispatch(torch.tensor([0]))
        assert (int(state.machine[0, 1]), float(state.ect[0, 1])) == (machine, end)
        assert state.take(torch.tensor([0, 0])).machine[:, 1].tolist() == [machine] * 2


def test_a_machine_that_cannot_do_it_is_a_violation() -> None:
    schedule = Schedule.of(SHOP, *(part[0] for part in rules(0)["mwkr"].build(Shops.pack([SHOP]))))
    good = list_operations(schedule)
    wrong = [one._replace(machine="laser") if one.start == 5 else one for one in good]
    assert find_violation(schedule.instance, wrong) is not None
    other = replace(schedule.instance, alternatives=pad_alternatives([[[(1, 4)], [(0, 3)]], [[(0, 5)]]]))
    assert find_violation(other, good) is None
    with pytest.raises(ValueError, match="cannot do"):
        SHOP.on(np.array([[0, 1], [0, -1]]))


@pytest.mark.parametrize(
    ("routes", "says"),
    [
        ([[[(0, 6), (2, 4)]], [[(0, 1)]]], "own: alternatives on machines 0..1"),
        ([[[(0, 6), (1, 4)]]], "own: alternatives of other operations"),
        ([[[(0, 7), (1, 4)]], [[(0, 1)]]], "own: an operation is on a machine that is none of its alternatives"),
    ],
    ids=str,
)
def test_alternatives_that_do_not_fit(routes: list[list[list[tuple[int, int]]]], says: str) -> None:
    shop = from_options("own", [[[(0, 6), (1, 9)]], [[(0, 1)]]], ("saw", "laser"))
    with pytest.raises(InputError, match=says):
        replace(
            shop, machines=np.array([[0], [0]]), durations=np.array([[6], [1]]), alternatives=pad_alternatives(routes)
        )
