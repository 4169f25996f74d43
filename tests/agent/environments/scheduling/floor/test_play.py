"""What is done on a shop floor is possible, and is what happened; planners know of nothing that is to come."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl.agent.environments.scheduling.floor.disturbances import Breakdown, Disturbances, Episode, NewJob
from mtl.agent.environments.scheduling.floor.planners import (
    agent_planner,
    keeping_planner,
    rule_planner,
    solver_planner,
)
from mtl.agent.environments.scheduling.floor.play import Floor, Planner, new_job_allowance, play
from mtl.agent.environments.scheduling.operations import list_operations
from mtl.agent.environments.scheduling.rules import least_bound_rise, rules, shortest
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.suites.scheduling.constraints import Downtime
from mtl.suites.scheduling.demand_rules import DemandRule
from mtl.suites.scheduling.instance import JobShop, from_options
from tests.suites.scheduling.shops_strategy import constrained_shops, flexible_shops, job_shops, seeds

MUCH = Disturbances(breakdowns=1.0, late=0.3, new_jobs=2)
PLANNERS = {
    "random": lambda: rule_planner(rules(0)["random"]),
    "bound": lambda: rule_planner(rules(0)["bound"]),
    "kept": lambda: keeping_planner(rule_planner(rules(0)["mwkr"])),
    "agent": lambda: agent_planner(least_bound_rise, 0, 0.3, 0, [shortest, DemandRule.bound()]),
    "solver": lambda: solver_planner(0.02, 1, 0),
}


def plan_of(floor: Floor, starts: list[list[int]]) -> Schedule:
    return Schedule(floor.instance, np.array(starts))


def watched(planner: Planner, episode: Episode, seen: list[int]) -> Planner:
    """The planner, which must not know what is to come; notes when it is asked."""

    def plan(instance: JobShop) -> Schedule:
        now = instance.constraints.now
        assert all(down.start <= now for down in instance.constraints.downtimes[first:])
        assert instance.jobs == episode.instance.jobs + sum(job.time <= now for job in episode.new_jobs)
        seen.append(now)
        return planner(instance)

    first = len(episode.instance.constraints.downtimes)
    return plan


@settings(max_examples=18)
@given(
    job_shops(4) | constrained_shops(largest=4) | flexible_shops() | flexible_shops("weighted_tardiness"),
    seeds,
    st.sampled_from(list(PLANNERS)),
)
def test_what_is_done_is_what_happened(instance: JobShop, seed: int, name: str) -> None:
    episode = MUCH.draw(instance, seed, 3)
    seen: list[int] = []
    played = play(episode, watched(PLANNERS[name](), episode, seen))
    assert seen == sorted(seen)
    assert len(played.seconds) == len(seen)
    operations = list_operations(played.schedule)  # which checks it
    shop = played.schedule.instance
    assert shop.jobs == instance.jobs + len(episode.new_jobs)
    place = iter(operations)
    for job, length in enumerate(shop.lengths.tolist()):
        new = episode.new_jobs[job - instance.jobs] if job >= instance.jobs else None
        for operation in range(length):
            one = next(place)
            machine = int(shop.machines[job, operation])
            failures = [down for down in episode.breakdowns if down.machine == machine]
            rests = {moment for down in failures for moment in range(down.time, down.time + down.repair)}
            known = instance.constraints.downtimes
            stops = {moment for down in known if down.machine == machine for moment in range(down.start, down.end)}
            work, late = work_of(episode, new, job, operation, machine)
            if new is None and instance.fixed[job, operation] >= 0:  # of what has begun the pauses are a part
                work -= len(stops & set(range(one.start, one.start + work)))
            done = set(range(one.start, one.end)) - rests - stops
            assert len(done) == work + late
            assert one.start >= (0 if new is None else new.time)
            for down in failures:
                assert one.start == one.end or not down.time <= one.start < down.time + down.repair


def work_of(episode: Episode, new: NewJob | None, job: int, operation: int, machine: int) -> tuple[int, int]:
    """How long an operation takes on the machine that did it, and how much longer it took."""
    if new is not None:
        assert machine == new.machines[operation]
        return int(new.durations[operation]), int(new.late[operation])
    given = episode.instance.alternatives
    if given is None:
        assert machine == episode.instance.machines[job, operation]
        return int(episode.instance.durations[job, operation]), int(episode.late[job, operation])
    (option,) = np.flatnonzero(given.machines[job, operation] == machine).tolist()
    return int(given.durations[job, operation, option]), int(episode.late[job, operation, option])


def test_without_disturbances_the_first_plan_is_carried_out() -> None:
    instance = JobShop("two", np.array([[3, 2], [2, 4]]), np.array([[0, 1], [1, 0]]))
    nothing = Disturbances(breakdowns=0, late=0, new_jobs=0).draw(instance, 0, 0)
    planner = rule_planner(rules(0)["spt"])
    played = play(nothing, planner)
    assert played.schedule.starts.tolist() == planner(instance).starts.tolist()
    assert len(played.seconds) == 1


def test_a_floor_by_hand() -> None:
    """Job 0 saws from 0 to 3; the saw fails at 2 for 4; at 7 it is found out that it takes 2 more; a job comes at 8."""
    instance = JobShop("one", np.array([[3, 2]]), np.array([[0, 1]]))
    new = NewJob(8, np.array([1]), np.array([5]), np.array([0]))
    episode = Episode("hand", instance, np.array([[2, 0]]), (Breakdown(2, 0, 4),), (new,))
    floor = Floor(episode)
    assert floor.next_moment(plan_of(floor, [[0, 3]])) == 2
    floor.carry_out(plan_of(floor, [[0, 3]]), 2)
    assert floor.instance.durations.tolist() == [[7, 2]]
    assert floor.instance.constraints.fixed == ((0,),)
    assert floor.next_moment(plan_of(floor, [[0, 7]])) == 7
    floor.carry_out(plan_of(floor, [[0, 7]]), 7)
    assert floor.instance.durations.tolist() == [[9, 2]]
    assert floor.instance.constraints.fixed == ((0,),)
    floor.carry_out(plan_of(floor, [[0, 9]]), 8)
    assert floor.instance.job_names == (0, 1)
    assert floor.instance.constraints.releases == (0, 8)
    played = play(episode, rule_planner(rules(0)["fifo"]))
    assert played.schedule.starts.tolist() == [[0, 13], [8, -1]]
    assert len(played.seconds) == 4


def test_a_machine_does_not_work_in_its_downtimes_however_late_an_operation_is() -> None:
    """It saws from 0 to 5, fails at 3 for 4, so that it ends at 9; there it rests from 8 to 12, and 2 more are due."""
    shop = JobShop("one", np.array([[5]]), np.array([[0]]))
    rests = (Downtime(0, 8, 12), Downtime(0, 10, 14), Downtime(0, 15, 16))
    shop = replace(shop, constraints=replace(shop.constraints, downtimes=rests))
    floor = Floor(Episode("rests", shop, np.array([[2]]), (Breakdown(3, 0, 4),), ()))
    floor.carry_out(plan_of(floor, [[0]]), 3)
    assert floor.instance.durations.tolist() == [[15]], "1 of its last 2 from 7 on, the other from 14 on"
    floor.carry_out(plan_of(floor, [[0]]), 15)
    assert floor.instance.durations.tolist() == [[18]], "late, and it rests once more before"
    again = Floor(Episode("again", floor.instance, np.array([[0]]), (Breakdown(16, 0, 3),), ()))
    again.carry_out(plan_of(again, [[0]]), 16)
    assert again.instance.durations.tolist() == [[21]]
    played = play(Episode("all", shop, np.array([[2]]), (Breakdown(3, 0, 4), Breakdown(16, 0, 3)), ()), fifo())
    assert played.schedule.makespan == 21


def test_an_operation_is_as_late_as_on_the_machine_that_does_it_and_stays_there() -> None:
    """Done by the second machine in 10 it is found out at 10 that 4 more are due; on the first it would be 2."""
    shop = from_options("choice", [[[(0, 5), (1, 10)]], [[(0, 20)]]], (0, 1))
    episode = Episode("choice", shop, np.array([[[2, 4]], [[0, 0]]]), (), (NewJob(30, *np.ones((3, 1), int)),))
    floor = Floor(episode)
    plan = Schedule(shop.on(np.array([[1], [0]])), np.array([[0], [0]]))
    assert floor.next_moment(plan) == 10
    floor.carry_out(plan, 10)
    assert (floor.instance.machines[0, 0], floor.instance.durations[0, 0]) == (1, 14)
    plan = fifo()(floor.instance)
    assert floor.next_moment(plan) == 30
    floor.carry_out(plan, 30)
    assert floor.instance.alternatives is not None
    assert floor.instance.alternatives.machines.tolist() == [[[0, 1]], [[0, -1]], [[1, -1]]]
    assert play(episode, fifo()).schedule.makespan >= 20


def fifo() -> Planner:
    return rule_planner(rules(0)["fifo"])


def test_new_jobs_have_due_dates_where_others_have() -> None:
    shop = JobShop("two", np.array([[4, 6], [5, 5]]), np.array([[0, 1], [1, 0]]))
    dated = replace(shop, constraints=replace(shop.constraints, due=(20, 40), weights=(1, 1)))
    new = NewJob(3, np.array([0, 1]), np.array([2, 2]), np.array([0, 0]))
    floor = Floor(Episode("dated", dated, np.zeros((2, 2), int), (), (new,)))
    floor.carry_out(plan_of(floor, [[0, 5], [0, 5]]), 3)
    assert floor.instance.constraints.due == (20, 40, 15)  # at 3, and three times its work after it
    assert new_job_allowance(replace(dated, constraints=replace(dated.constraints, releases=(60, 60)))) == 0.0
    assert floor.instance.constraints.weights == (1, 1, 1)
    named = Floor(Episode("named", replace(shop, job_names=("a", "b")), np.zeros((2, 2), int), (), (new,)))
    named.carry_out(plan_of(named, [[0, 5], [0, 5]]), 3)
    assert named.instance.job_names == ("a", "b", "new 2"), "and no number beside names"


def test_new_jobs_have_the_same_due_dates_whoever_plans() -> None:
    shop = JobShop("two", np.array([[40, 60], [50, 50]]), np.array([[0, 1], [1, 0]]))
    dated = replace(
        shop, objective="weighted_tardiness", constraints=replace(shop.constraints, due=(150, 150), weights=(1, 1))
    )
    second = NewJob(90, np.array([1, 0]), np.array([20, 20]), np.array([0, 0]))
    first = second._replace(time=55)
    episode = Episode("due", dated, np.array([[30, 0], [0, 20]]), (Breakdown(10, 1, 25),), (first, second))
    found = [
        play(episode, rule_planner(rules(0)[name])).schedule.instance.constraints.due for name in ("spt", "mwkr", "edd")
    ]
    assert found == [(150, 150, 55 + 60, 90 + 60)] * 3, "one and a half times their work after they came"


def test_episodes_are_those_of_the_seed() -> None:
    shop = JobShop("two", np.array([[40, 60], [50, 50]]), np.array([[0, 1], [1, 0]]))
    drawn = [MUCH.draw(shop, seed, number) for seed, number in ((1, 2), (1, 2), (1, 3), (2, 2))]
    assert drawn[0].breakdowns == drawn[1].breakdowns
    assert np.array_equal(drawn[0].late, drawn[1].late)
    facts = {(one.breakdowns, one.late.tobytes(), tuple(job.time for job in one.new_jobs)) for one in drawn}
    assert len(facts) == 3


def test_as_much_happens_as_was_asked_for() -> None:
    """Of shares and ranges that are uniform, over 200 episodes of a shop whose operations all take 100."""
    shop = JobShop("even", np.full((6, 4), 100), np.tile(np.arange(4), (6, 1)))
    asked = Disturbances(breakdowns=0.5, repair=(0.5, 2.5), late=0.25, lateness=(0.2, 0.6), new_jobs=3)
    drawn = [asked.draw(shop, 0, number) for number in range(200)]
    more = np.stack([one.late for one in drawn])
    assert abs((more > 0).mean() - 0.25) < 0.03
    jobs = [job for one in drawn for job in one.new_jobs]
    assert len(jobs) == 600
    assert all(sorted(job.machines) == [0, 1, 2, 3] and (job.durations == 100).all() for job in jobs)
    repairs = np.array([failure.repair for one in drawn for failure in one.breakdowns])
    assert 0.4 < len(repairs) / (200 * shop.machine_count) < 0.5, "a few would come while a machine is repaired"
    for found, low, high in (
        (more[more > 0], 20, 60),
        (np.concatenate([job.late[job.late > 0] for job in jobs]), 20, 60),
        (repairs, 50, 250),
        (np.array([job.time for job in jobs]), 1, 1 + shop.machine_bound / 2),
        (np.array([failure.time for one in drawn for failure in one.breakdowns]), 1, 1 + shop.machine_bound),
    ):
        span = high - low
        assert low <= found.min() < low + span / 10
        assert high - span / 10 < found.max() <= high
        assert abs(found.mean() - (low + high) / 2) < span / 15


def test_things_happen_while_the_shop_works_whenever_it_is_planned() -> None:
    """In a shop that is planned at 5,000 and works for about 100 from then on, as much as in one planned at 0."""
    shop = JobShop("two", np.array([[40, 60], [50, 50]]), np.array([[0, 1], [1, 0]]))
    later = replace(shop, constraints=replace(shop.constraints, now=5000))
    plain, moved = ([MUCH.draw(one, 0, number) for number in range(3)] for one in (shop, later))
    for before, after in zip(plain, moved, strict=True):
        assert [one.time + 5000 for one in before.breakdowns] == [one.time for one in after.breakdowns]
        assert [one.time + 5000 for one in before.new_jobs] == [one.time for one in after.new_jobs]


def test_new_jobs_come_last_in_a_kept_plan_of_a_long_time() -> None:
    """Whose operations begin after a million seconds, too."""
    shop = JobShop("long", np.array([[1_500_000], [1_000_000]]), np.array([[0], [0]]), machine_names=(0,))
    new = NewJob(1, np.array([0]), np.array([10]), np.array([0]))
    planner = keeping_planner(rule_planner(rules(0)["mwkr"]))
    played = play(Episode("long", shop, np.zeros((2, 1), int), (), (new,)), planner)
    assert played.schedule.starts[:, 0].tolist() == [0, 1_500_000, 2_500_000]
