"""A plan whose beginning the network decides."""

import pytest
import torch

from mtl.agent.environments.scheduling.decoders import Greedy
from mtl.agent.environments.scheduling.rolling_horizon import RollingHorizon
from mtl.agent.environments.scheduling.rules import rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.errors import InputError
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.rollout import Policy
from mtl.suites.scheduling.shops import Shops


def test_it_goes_from_the_rule_to_the_greedy_plan(policy: Policy, instances: list[JobShop]) -> None:
    shops = Shops.pack(instances)
    assert torch.equal(RollingHorizon(10_000).decode(policy, shops), Greedy().decode(policy, shops))
    few = RollingHorizon(1, "mwkr").decode(rules(0)["mwkr"].score, shops)
    for instance, starts, other in zip(instances, RollingHorizon(10).decode(policy, shops), few, strict=True):
        Schedule.of(instance, starts)  # which checks it
        Schedule.of(instance, other)


@pytest.mark.parametrize(
    ("settings", "says"), [((0,), "decisions=0"), ((1, "fddd"), "unknown rule in decoder.rule 'fddd'")], ids=str
)
def test_mistakes(settings: tuple[int, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        RollingHorizon(*settings)
