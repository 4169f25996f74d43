"""A schedule's feasibility and what it is compared with."""

import numpy as np
import pytest

from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.suites.scheduling.instance import JobShop

# Two jobs, each 2 on machine 0 and 2 on machine 1 in opposite order: the optimum is 4.
DURATIONS, MACHINES = np.full((2, 2), 2), np.asarray([[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("upper", "lower", "reference", "kind"),
    [
        (4, 4, 4, "optimum"),
        (5, 4, 5, "best known"),
        (5, None, 5, "best known"),
        (None, 3, 4, "lower bound"),  # what its jobs take is more
        (None, 5, 5, "lower bound"),
        (None, None, 4, "lower bound"),
    ],
    ids=str,
)
def test_reference(upper: int | None, lower: int | None, reference: int, kind: str) -> None:
    made = Schedule(JobShop("a", DURATIONS, MACHINES, upper, lower), np.asarray([[0, 2], [0, 4]]))
    assert made.reference[:2] == (reference, kind)
    assert made.gap == pytest.approx(6 / reference - 1)


def test_a_schedule_must_be_feasible() -> None:
    with pytest.raises(ValueError, match="not a feasible schedule"):
        # Job 1 is on machine 1 until 3, job 0 comes at 2
        Schedule(JobShop("a", DURATIONS, MACHINES), np.asarray([[0, 2], [1, 4]]))
