"""Messages to desks, the unhappy first."""

from typing import Any

import numpy as np
import pytest
import torch

from mtl.agent.environments.routing import AGENT, FCFS, TRUTH, Messages, Opinion, Routing
from mtl.agent.environments.service_desks import Shift
from mtl.errors import InputError
from mtl.suites.reviews.suite import DEPARTMENTS, ReviewsSuite
from mtl.tasks import NO_LABEL

N = 600


def messages(routing: Routing, sharp: float = 8.0) -> Messages:
    """Reviews of which a network knows the mood with noise, and the department of four in five."""
    draw = np.random.default_rng(0)
    desk, unhappy = draw.integers(0, 3, N), draw.random(N) < 0.15
    guessed = np.where(draw.random(N) < 0.8, desk, draw.integers(0, 3, N))
    sure = 1 / (1 + np.exp(-sharp * (unhappy - 0.5) - draw.normal(0, 1, N)))
    return routing.shifts(Opinion(guessed, sure), desk, unhappy, routing.staff(desk))


def test_the_unhappy_wait_less_where_they_are_known() -> None:
    routing = Routing(messages=60, seed=3)
    found = messages(routing)
    assert [len(rows) for rows in found.numbers] == [60] * 10
    assert sorted(np.concatenate(found.numbers)) == list(range(N)), "every message arrives once"
    report = routing.route({AGENT: found.opinion, FCFS: found.opinion}, found)
    numbers = report.summary()
    assert numbers["wait"] == numbers["agent_wait"] < numbers["fcfs_wait"]
    assert numbers["truth_wait"] < numbers["agent_wait"]
    assert numbers["truth_transfers"] == 0.0 < numbers["agent_transfers"] == numbers["fcfs_transfers"] < 0.2
    assert numbers["before_fcfs_low"] < numbers["before_fcfs"] < numbers["before_fcfs_high"]
    assert numbers["before_fcfs"] == pytest.approx(numbers["fcfs_wait"] - numbers["agent_wait"])
    assert len(report.records()) == numbers["shifts"] == 10
    outcome = report.outcome()
    assert (outcome.higher_is_better, outcome.values.mean()) == (False, pytest.approx(numbers["wait"]))
    assert report.failures(1)[0]["agent_wait"] == pytest.approx(outcome.values.max(), abs=1e-3)
    assert report.table().row_count == 3
    values, scale = routing.achieved(found)
    np.testing.assert_allclose(values, -outcome.values)
    assert scale == pytest.approx(numbers["fcfs_wait"])
    assert routing.route({AGENT: found.opinion, FCFS: found.opinion}, found).summary() == numbers, "no other draw"


def test_waits_by_hand() -> None:
    """One person at each desk. In the second shift all messages come to a wrong desk first, which takes 3 minutes."""
    desk, staff = np.zeros(3, int), np.ones(6, int)
    busy = Shift(np.array([0.0, 1.0, 2.0]), np.full(3, 10.0), desk, staff, 3.0)
    quiet = Shift(np.array([0.0, 100.0, 200.0]), np.full(3, 10.0), desk, staff, 3.0)
    unhappy = np.array([False, False, True, True, True, False])
    opinion = Opinion(np.repeat([0, 1], 3), unhappy.astype(float))
    found = Messages(opinion, np.zeros(6, int), unhappy, (np.arange(3), np.arange(3, 6)), (busy, quiet))
    numbers = Routing().route({AGENT: opinion, FCFS: opinion}, found).summary()
    # At 10 the unhappy one goes first, after 8 minutes, and the other one waits for 19; by arrival 9 and 18
    assert (numbers["agent_wait"], numbers["agent_wait_all"]) == pytest.approx(((8 + 3) / 2, (9 + 3) / 2))
    assert (numbers["fcfs_wait"], numbers["fcfs_wait_all"]) == pytest.approx(((18 + 3) / 2, (9 + 3) / 2))
    assert (numbers["truth_wait"], numbers["truth_wait_all"]) == pytest.approx((8 / 2, 9 / 2))
    assert (numbers["agent_transfers"], numbers["before_fcfs"]) == (0.5, 5.0)


def test_outcomes_of_other_shifts_are_told_apart() -> None:
    """By a hash that does not depend on who decides, or how."""

    def instances(routing: Routing, sharp: float = 8.0) -> str:
        found = messages(routing, sharp)
        return routing.route({AGENT: found.opinion, FCFS: found.opinion}, found).outcome().instances

    one = instances(Routing(messages=60))
    assert one == instances(Routing(messages=60, head_start=0), sharp=1.0) != ""
    others = [Routing(messages=60, seed=1), Routing(messages=60, per_hour=61), Routing(messages=60, transfer=4)]
    assert len({one, *map(instances, others)}) == 4


def test_without_a_head_start_desks_answer_in_the_order_of_arrival() -> None:
    routing = Routing(messages=60, head_start=0)
    found = messages(routing)
    numbers = routing.route({AGENT: found.opinion, FCFS: found.opinion}, found).summary()
    assert numbers["agent_wait"] == numbers["fcfs_wait"]


def test_people_are_as_many_as_the_load_asks_for() -> None:
    """60 messages an hour of 10 minutes are the work of 10: half of it, .45, .05, and desks without any."""
    desk = np.repeat([0, 1, 2], [500, 450, 50])
    assert Routing(load=0.9).staff(desk).tolist() == [6, 5, 1, 1, 1, 1]


def test_new_messages_have_a_desk_and_a_place() -> None:
    department = torch.eye(len(DEPARTMENTS))[[4, 0, 1]]
    sentiment = torch.tensor([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.3, 0.3, 0.4]])
    found = Routing(head_start=100).decisions({"department": department, "sentiment": sentiment})
    assert found["desk"] == ["Tops", "Bottoms", "Dresses"]
    assert found["place"] == [3, 1, 2]
    assert found["head_start_minutes"] == pytest.approx([10.0, 80.0, 30.0], abs=0.01)
    found = Routing(head_start=0).decisions({"department": department, "sentiment": sentiment})
    assert found["place"] == [1, 2, 3], "without a head start nobody is ahead of those who came before"


def test_shifts_without_an_unhappy_customer_do_not_count() -> None:
    routing = Routing(messages=2)
    unhappy = np.zeros(8, bool)
    one = routing.shifts(Opinion(np.zeros(8, int), np.zeros(8)), np.zeros(8, int), unhappy, np.ones(6, int))
    with pytest.raises(InputError, match="in no shift is a customer unhappy"):
        routing.route({AGENT: one.opinion}, one)
    unhappy[3] = True
    one = routing.shifts(one.opinion, one.desk, unhappy, np.ones(6, int))
    report = routing.route({AGENT: one.opinion}, one)
    assert len(report.records()) == 1
    assert np.isfinite(report.waits[TRUTH].unhappy).all()


@pytest.mark.parametrize(
    "options",
    [
        {"messages": 0},
        {"per_hour": 0},
        {"handling": float("inf")},
        {"load": 1.1},
        {"head_start": -1},
        {"seed": -1},
        {"keywords": {"Dreses": ["dress"]}},
    ],
    ids=str,
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"expected|did you mean 'Dresses'"):
        Routing(**options)


@pytest.mark.parametrize("form", ["bag", "sequence"])
def test_keywords_find_the_department_and_the_mood(form: str, published: dict[str, bytes]) -> None:
    """Of the stand-in each text names its department; what has no keyword goes to the most usual desk."""
    data = ReviewsSuite(form=form, vocabulary=60, **({"length": 20} if form == "sequence" else {}))
    data.setup("test")
    routing = Routing(keywords={"Dresses": ["dresses"], "Tops": ["Tops"], "Trend": []}, complaints=["awful", "POOR"])
    said = routing.by_keywords(data)(
        data.encode(["awful dresses", "nice tops and dresses", "a nice coat", "poor tops"])
    )
    opinion = Opinion.of({name: raw.softmax(1) for name, raw in said.items()})
    usual = int(data.splits["train"].targets["department"].bincount().argmax())
    assert opinion.desk.tolist() == [1, 1, usual, 4]
    np.testing.assert_allclose(opinion.unhappy, [1, 0, 0, 1], atol=1e-6)
    assert published
    labels = data.splits["train"].targets["department"]
    labels[:] = NO_LABEL
    labels[:2] = 3
    (none,) = routing.by_keywords(data)(data.encode(["a nice coat"]))["department"]
    assert int(none.argmax()) == 3, "of the reviews whose department is known"
