"""A plan whose beginning the network decides and whose end a rule fills in: for those who plan again soon anyway."""

import torch
from typing_extensions import override

from mtl.agent.environments.scheduling.decoders import ChoosingDecoder, chunks, join_plans, rows_at_once
from mtl.agent.environments.scheduling.rules import select_rules
from mtl.errors import InputError
from mtl.suites.scheduling.plans import Plans
from mtl.suites.scheduling.rollout import Policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator


class RollingHorizon(ChoosingDecoder):
    """The candidate with the highest score in the first choices, that of a rule afterwards.

    A shop that is planned anew after every disturbance carries out only the beginning of a plan. The network takes
    milliseconds for a choice and a simple rule a tenth of that, so the plan of a large shop is there several times
    sooner.

    Args:
        decisions: choices that the network makes in each shop.
        rule: makes the others, see :func:`mtl.agent.environments.scheduling.rules.rules`.
    """

    def __init__(self, decisions: int = 80, rule: str = "fdd") -> None:
        if decisions < 1:
            raise InputError(f"decoder.decisions={decisions}: expected at least 1")
        self.decisions = decisions
        self.rule = select_rules([rule], 0, "rule in decoder.rule")[rule]

    @property
    @override
    def label(self) -> str:
        return f"first {self.decisions}"

    @override
    def build(self, policy: Policy, shops: Shops) -> Plans:
        parts = []
        for part in chunks(len(shops), rows_at_once(shops)):
            simulator = Simulator(shops.take(part))
            simulator.advance()
            for _ in range(self.decisions):
                if simulator.done.all():
                    break
                simulator.dispatch(policy(simulator).masked_fill(~simulator.legal, -torch.inf).argmax(1))
                simulator.advance()
            parts.append(rollout(self.rule.score, simulator.with_delay(self.rule.delay)).plans)
        return join_plans(parts)
