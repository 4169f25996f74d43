"""The dispatchers that an agent has beside the one that asks its network."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtl.network import Network
from mtl.nn.heads import ChoiceHead
from mtl.suites.scheduling.demand_rules import DemandRule, is_demanding
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.rollout import Policy, RulePolicy

CHOICES = ("all", "first", "both")  # with which an agent plans; both: with all, and beside that with the first alone


@dataclass(frozen=True)
class Dispatchers:
    """Rules that were found for an agent by acting.

    Attributes:
        plain: act in all shops.
        demanding: act only in shops of which more is demanded than short makespans of given routes.
        scale: by which their scores would have to be multiplied to be as far apart as those of the first dispatcher.
    """

    plain: tuple[Policy, ...] = ()
    demanding: tuple[Policy, ...] = ()
    scale: float = 1.0

    @classmethod
    def of(cls, network: Network | None) -> "Dispatchers":
        """Those of an agent; none where it has no network, or one that starts at no rule."""
        head = network.heads["assignment"] if network is not None and "assignment" in network.heads else None
        if not isinstance(head, ChoiceHead) or not head.has_prior:
            return cls()
        return cls(
            tuple(RulePolicy(rule) for rule in ([] if head.others is None else head.others.cpu())),
            tuple(DemandRule(rule) for rule in ([] if head.demanding is None else head.demanding.cpu())),
            head.scale.item(),
        )

    def for_shops(self, instances: Sequence[JobShop]) -> tuple[Policy, ...]:
        """Those that act in shops that are scheduled side by side; first those made for them, as time may be short."""
        return (*self.demanding, *self.plain) if is_demanding(instances) else self.plain
