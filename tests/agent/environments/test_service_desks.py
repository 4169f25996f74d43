"""Queues of desks, played event by event."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl.agent.environments.service_desks import Shift, play


def shift(arrival: list[float], handling: list[float], desk: list[int], staff: list[int]) -> Shift:
    return Shift(np.array(arrival), np.array(handling), np.array(desk), np.array(staff), transfer=2.0)


def test_waiting_by_hand() -> None:
    """At one desk; the third message overtakes the second one, which waits until both others are answered."""
    one = shift([0.0, 1.0, 2.0], [10.0, 5.0, 4.0], [0, 0, 0], [1])
    assert play(one, np.zeros(3, int), np.array([0.0, 1.0, 2.0])).tolist() == [0.0, 9.0, 13.0]
    assert play(one, np.zeros(3, int), np.array([0.0, 1.0, -9.0])).tolist() == [0.0, 13.0, 8.0]


def test_messages_come_as_often_and_take_as_long_as_was_asked_for() -> None:
    desk = np.zeros(100_000, int)
    drawn = Shift.draw(desk, np.ones(1, int), per_hour=90.0, handling=8.0, transfer=2.0, seed=np.random.SeedSequence(0))
    between = np.diff(drawn.arrival, prepend=0.0)
    for times, mean in ((between, 60 / 90), (drawn.handling, 8.0)):
        assert times.min() >= 0.0
        assert times.mean() == pytest.approx(mean, rel=0.01)
        assert times.std() == pytest.approx(mean, rel=0.01), "as of an exponential time"


def test_a_message_at_a_wrong_desk_is_read_there_and_waits_again() -> None:
    """The first one is at desk 1 from 0 to 2, and its own desk is busy until 6; the last one waits behind both."""
    one = shift([0.0, 1.0, 1.5], [3.0, 5.0, 1.0], [0, 0, 1], [1, 1])
    assert play(one, np.array([1, 0, 1]), np.array([0.0, 1.0, 1.5])).tolist() == [6.0, 0.0, 0.5]


def looked_at_again_and_again(one: Shift, first: np.ndarray, key: np.ndarray) -> list[float]:
    """The same without queues: at every moment in which something happens all messages and desks are looked at."""
    count, desks = len(one.arrival), one.desk.tolist()
    state, where, until, begun = ["coming"] * count, first.tolist(), one.arrival.tolist(), [0.0] * count
    while any(now != "answered" for now in state):
        moment = min(until[m] for m in range(count) if state[m] in ("coming", "read"))
        for m in range(count):
            if until[m] == moment and state[m] == "coming":
                state[m] = "waits"
            elif until[m] == moment and state[m] == "read":
                state[m] = "answered" if where[m] == desks[m] else "waits"
                where[m] = desks[m]
        for desk, people in enumerate(one.staff.tolist()):
            while sum(state[m] == "read" and where[m] == desk for m in range(count)) < people:
                waiting = [m for m in range(count) if state[m] == "waits" and where[m] == desk]
                if not waiting:
                    break
                m = min(waiting, key=lambda m: (key[m], m))
                right = desk == desks[m]
                begun[m] = moment if right else begun[m]
                state[m], until[m] = "read", moment + (float(one.handling[m]) if right else one.transfer)
    return [begins - came for begins, came in zip(begun, one.arrival.tolist(), strict=True)]


@given(st.integers(0, 10**6), st.integers(1, 3), st.sampled_from([0.0, 3.0]))
def test_waits_are_those_of_a_simulation_without_queues(seed: int, desks: int, transfer: float) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 25))
    arrival, handling = np.cumsum(random.exponential(2.0, count)), random.exponential(5.0, count)
    people = random.integers(1, 3, desks)
    one = Shift(arrival, handling, random.integers(0, desks, count), people, transfer)
    first, key = random.integers(0, desks, count), arrival - 40 * random.random(count)
    np.testing.assert_allclose(play(one, first, key), looked_at_again_and_again(one, first, key), atol=1e-9)


TIMES = st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 20)), min_size=1, max_size=30)


@given(TIMES, st.integers(1, 3))
def test_in_the_order_of_arrival_waits_are_those_of_the_recursion(
    times: list[tuple[float, float]], people: int
) -> None:
    """Kiefer and Wolfowitz: whoever is free first answers the next one."""
    arrival = np.cumsum([gap for gap, _ in times])
    handling = np.array([minutes for _, minutes in times])
    free, expected = [0.0] * people, []
    for now, minutes in zip(arrival, handling, strict=True):
        begins = max(now, min(free))
        expected.append(begins - now)
        free[free.index(min(free))] = begins + minutes
    one = Shift(arrival, handling, np.zeros(len(arrival), int), np.array([people]), 0.0)
    np.testing.assert_allclose(play(one, np.zeros(len(arrival), int), arrival), expected, atol=1e-9)


@given(TIMES, st.integers(0, 10**6))
def test_the_order_moves_waiting_from_one_to_another(times: list[tuple[float, float]], seed: int) -> None:
    """No time is lost: at a desk of one person with equal handling times the sum of the waits is the same."""
    arrival = np.cumsum([gap for gap, _ in times])
    one = Shift(arrival, np.full(len(arrival), 7.0), np.zeros(len(arrival), int), np.array([1]), 0.0)
    key = np.random.default_rng(seed).random(len(arrival))
    found, usual = (play(one, np.zeros(len(arrival), int), order) for order in (key, arrival))
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(), usual.sum(), atol=1e-6)


def test_times_are_those_of_their_rates() -> None:
    desk = np.zeros(20_000, int)
    one = Shift.draw(desk, np.array([1]), per_hour=30.0, handling=5.0, transfer=1.0, seed=np.random.SeedSequence(0))
    assert abs(np.diff(one.arrival).mean() - 2.0) < 0.06
    assert abs(one.handling.mean() - 5.0) < 0.15
