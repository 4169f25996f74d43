"""The exact baseline."""

import pytest

from mtl.agent.environments.scheduling.exact import CpSat
from mtl.errors import InputError
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.solver import feasible


def test_proves_the_optimum_of_ft06() -> None:
    instance = select("ft06")[0]
    solution = CpSat(seconds=20).solve(instance)
    assert (solution.makespan, solution.bound, solution.optimal) == (55, 55, True)
    assert feasible(instance, solution.starts)


@pytest.mark.parametrize(
    "settings", [{"seconds": -1}, {"seconds": float("nan")}, {"workers": 0}, {"seed": 2**40}], ids=str
)
def test_bad_settings(settings: dict[str, float]) -> None:
    name = next(iter(settings))
    with pytest.raises(InputError, match=f"cpsat.{name}="):
        CpSat(**settings)
