"""The kinds of cases, how many of each there are, and the order in which they are done."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.campaign.kinds import (
    checkpoints,
    clusters,
    improvements,
    instances,
    kills,
    ledgers,
    limits,
    mistakes,
    overrides,
    run_directories,
    searches,
    signals,
    surroundings,
    sweeps,
    tables,
)
from tests.campaign.templates import Templates

Case = Callable[[Random, Path, Templates], float | None]
# Of a thousand cases so many are of each kind; one of the first five takes half a second, one of the others several
SHARES: dict[str, tuple[Case, int]] = {
    "overrides": (overrides.case, 280),
    "tables": (tables.case, 190),
    "instances": (instances.case, 100),
    "run directories": (run_directories.case, 170),
    "checkpoints": (checkpoints.case, 130),
    "ledgers": (ledgers.case, 35),
    "kills": (kills.case, 30),
    "signals": (signals.case, 30),
    "limits": (limits.case, 13),
    "surroundings": (surroundings.case, 12),
    "clusters": (clusters.case, 5),
    "sweeps": (sweeps.case, 5),
    "searches": (searches.case, 5),
    "improvements": (improvements.case, 5),
    "machines": (clusters.machines, 3),
    "mistakes": (mistakes.case, 20),
}


@dataclass(frozen=True)
class PlannedCase:
    """One case; its seed, kind and number are all that it depends on.

    Attributes:
        seed: of the campaign.
        kind: its name.
        number: among the cases of its kind.
    """

    seed: int
    kind: str
    number: int

    @property
    def name(self) -> str:
        """What is typed to run it alone."""
        return f"{self.seed}/{self.kind.replace(' ', '_')}/{self.number}"

    @classmethod
    def parse(cls, name: str) -> "PlannedCase":
        """From its name."""
        seed, kind, number = name.split("/")
        return cls(int(seed), kind.replace("_", " "), int(number))

    def run(self, place: Path, templates: Templates) -> float | None:
        """Try it, and return the seconds in which a program ended after a signal. Failed, or any error, if it fails."""
        return SHARES[self.kind][0](random.Random(self.name), place, templates)


def plan(seed: int, cases: int, kinds: Sequence[str] = tuple(SHARES)) -> Iterator[PlannedCase]:
    """The cases of these kinds among so many of all kinds.

    They are mixed, so that a campaign which is stopped has seen something of each.
    """
    whole = sum(share for _, share in SHARES.values())
    counts = {kind: max(1, round(cases * SHARES[kind][1] / whole)) for kind in kinds}
    found = [((number + 0.5) / count, kind, number) for kind, count in counts.items() for number in range(count)]
    for _, kind, number in sorted(found):
        yield PlannedCase(seed, kind, number)
