"""CP-SAT in windows of a schedule: feasible, never longer, and the optimum where a shop is small."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from mtl.agent.environments.scheduling.rules import rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.suites.scheduling.dispatch_order import Operations
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.solver import feasible, solve
from mtl.suites.scheduling.window import Window
from mtl.suites.scheduling.window_search import shorten
from tests.suites.scheduling.shops_strategy import job_shops, seeds


def any_order(shop: JobShop, seed: int) -> list[int]:
    """The operations in a random order that keeps to the routes."""
    operations, random = Operations(shop), np.random.default_rng(seed)
    by_job = [[o for o, job in enumerate(operations.jobs) if job == one] for one in range(shop.jobs)]
    return [by_job[job].pop(0) for job in random.permutation(operations.jobs).tolist()]


def one_after_the_other(shop: JobShop) -> np.ndarray:
    """Starts of the worst schedule that makes sense."""
    ends = shop.durations.ravel().cumsum().reshape(shop.durations.shape)
    return np.where(shop.exists, ends - shop.durations, -1)


@settings(max_examples=40)
@given(job_shops(), seeds)
def test_every_order_that_keeps_to_the_routes_is_a_schedule(shop: JobShop, seed: int) -> None:
    """And sorted by its starts it is no later: two operations without duration may change places."""
    operations, order = Operations(shop), any_order(shop, seed)
    starts = operations.earliest(order)
    assert feasible(shop, operations.matrix(starts))
    again = operations.earliest(operations.sort(order, starts))
    assert all(later <= start for later, start in zip(again, starts, strict=True))
    assert again == starts or (shop.durations[shop.exists] == 0).any()
    assert operations.listed(operations.matrix(starts)) == starts


@settings(max_examples=30)
@given(job_shops())
def test_the_schedule_without_delay_is_that_of_the_rule(shop: JobShop) -> None:
    """As the simulator builds it by FDD/MWKR, where no operation takes no time."""
    shop = replace(shop, durations=np.where(shop.exists, shop.durations + 1, 0))
    operations = Operations(shop)
    starts = operations.matrix(operations.earliest(operations.without_delay()))
    assert feasible(shop, starts)
    assert np.array_equal(starts, Schedule.of(shop, rules(0)["fdd"].schedule(Shops.pack([shop]))[0]).starts)


@settings(max_examples=30)
@given(job_shops(5), seeds, st.data())
def test_a_window_says_what_its_schedules_are_worth(shop: JobShop, seed: int, data: st.DataObject) -> None:
    """The makespan of the program is that of the whole schedule with the window's starts, and none is longer."""
    operations = Operations(shop)
    order = operations.sort(range(len(operations)), operations.earliest(any_order(shop, seed)))
    first = data.draw(st.integers(0, len(order) - 1))
    end = data.draw(st.integers(first + 1, len(order)))
    window, before = Window(operations, order, first, end), operations.makespan(operations.earliest(order))
    program = window.program(before, shop.machine_bound)
    assert program is not None
    model, variables = program
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model) == cp_model.OPTIMAL
    starts = operations.earliest(window.place({one: solver.value(var) for one, var in variables.items()}, order))
    assert operations.makespan(starts) == solver.objective_value <= before
    assert feasible(shop, operations.matrix(starts))
    if solver.objective_value > shop.machine_bound:
        shorter = window.program(int(solver.objective_value) - 1, shop.machine_bound)
        assert shorter is None or solver.solve(shorter[0]) == cp_model.INFEASIBLE


@settings(max_examples=20)
@given(job_shops(5), st.integers(1, 3))
def test_small_shops_are_solved_to_the_optimum(shop: JobShop, workers: int) -> None:
    found = shorten(shop, [one_after_the_other(shop)], 60.0, workers=workers)
    assert feasible(shop, found.starts)
    assert found.optimal
    assert found.makespan == solve(shop, 10.0).makespan == (found.starts + shop.durations).max()


def test_a_schedule_of_a_large_shop_gets_shorter_and_never_longer() -> None:
    shop = taillard(0, 0, 0, (20, 20), (10, 10))
    start = one_after_the_other(shop)
    once = shorten(shop, [start], 0.5, workers=2)
    assert feasible(shop, once.starts)
    assert shop.machine_bound <= once.bound <= once.makespan < (start + shop.durations).max()
    again = shorten(shop, [once.starts], 0.1, workers=2, seed=1)
    assert again.makespan <= once.makespan
    assert shorten(shop, [once.starts], 0.0).makespan <= once.makespan


def test_the_first_schedule_is_waited_for_and_no_other_is_built_when_the_time_is_over() -> None:
    shop, built = taillard(0, 0, 0, (4, 4), (3, 3)), []

    def schedules() -> Iterator[NDArray[np.int64]]:
        for number in range(3):
            built.append(number)
            yield one_after_the_other(shop)

    shorten(shop, schedules(), 0.0)
    assert built == [0]


def test_a_change_of_one_window_goes_into_what_others_have_made_of_the_rest() -> None:
    """Also where windows overlap, so that the places of one are no longer side by side."""
    shop = taillard(0, 0, 1, (6, 6), (6, 6))
    operations, order = Operations(shop), any_order(shop, 0)
    window = Window(operations, order, 10, 20)
    starts = {one: -place for place, one in enumerate(order[10:20])}
    with_routes = {one: (operations.jobs[one], one) for one in starts}
    kept = dict(zip(sorted(starts, key=with_routes.__getitem__), sorted(starts.values()), strict=True))
    for seed in range(5):
        other = any_order(shop, seed)
        merged = window.place(kept, other)
        assert sorted(merged) == sorted(order)
        assert feasible(shop, operations.matrix(operations.earliest(merged)))


def test_a_search_whose_program_ends_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What interrupts the wait, such as a signal, ends the windows that are being solved, whatever time is left."""
    shop, solving = taillard(0, 0, 0, (30, 30), (20, 20)), Event()
    solve_window = cp_model.CpSolver.solve

    def watched(self: cp_model.CpSolver, model: cp_model.CpModel) -> object:
        solving.set()
        return solve_window(self, model)

    def interrupted(works: object, **options: object) -> object:
        if "return_when" in options:  # the search has not ended yet
            solving.wait()
            raise KeyboardInterrupt
        return real_wait(works, **options)

    from mtl.suites.scheduling import window_search

    real_wait = window_search.wait
    monkeypatch.setattr(cp_model.CpSolver, "solve", watched)
    monkeypatch.setattr(window_search, "wait", interrupted)
    with ThreadPoolExecutor(1) as pool, pytest.raises(KeyboardInterrupt):
        pool.submit(shorten, shop, [one_after_the_other(shop)], 3600.0, workers=2).result()
