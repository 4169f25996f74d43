"""The kinds of cases, how many of each there are, and the order in which they are done."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.campaign.kinds import (
    caches,
    checkpoints,
    clusters,
    improvements,
    instances,
    kills,
    ledgers,
    limits,
    mistakes,
    overrides,
    regressions,
    run_directories,
    searches,
    signals,
    surroundings,
    sweeps,
    tables,
)
from tests.campaign.templates import Templates

Case = Callable[[Random, Path, Templates], float | None]


@dataclass(frozen=True)
class Kind:
    """A kind of cases.

    Attributes:
        cases: what is done, in turn; each draws what it does in particular.
        share: how many there are, relative to those of other kinds; None: each once, whatever their number.
    """

    cases: Sequence[Case]
    share: int | None


# A case of the first five kinds takes half a second, one of the others several
KINDS: dict[str, Kind] = {
    "overrides": Kind([overrides.case], 280),
    "tables": Kind([tables.case], 190),
    "instances": Kind([instances.case], 100),
    "run directories": Kind([run_directories.case], 170),
    "checkpoints": Kind([checkpoints.case], 130),
    "ledgers": Kind([ledgers.case], 35),
    "kills": Kind([kills.case], 30),
    "signals": Kind([signals.case], 30),
    "limits": Kind([limits.case], 13),
    "surroundings": Kind([surroundings.case], 12),
    "caches": Kind([caches.case], 5),
    "clusters": Kind(clusters.SITUATIONS, 5),
    "sweeps": Kind([sweeps.case], 5),
    "searches": Kind([searches.case], 5),
    "improvements": Kind([improvements.case], 5),
    "machines": Kind([clusters.machines], 3),
    "mistakes": Kind([mistakes.case], 20),
    "regressions": Kind(regressions.CASES, None),
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
        cases = KINDS[self.kind].cases
        return cases[self.number % len(cases)](random.Random(self.name), place, templates)


def plan(seed: int, cases: int, kinds: Sequence[str] = tuple(KINDS)) -> Iterator[PlannedCase]:
    """The cases of these kinds among so many of all kinds that have a share; of the others each case once.

    They are mixed, so that a campaign which is stopped has seen something of each.
    """
    whole = sum(kind.share or 0 for kind in KINDS.values())
    counts = {}
    for name in kinds:
        kind = KINDS[name]
        counts[name] = len(kind.cases) if kind.share is None else max(1, round(cases * kind.share / whole))
    found = [((number + 0.5) / count, kind, number) for kind, count in counts.items() for number in range(count)]
    for _, kind, number in sorted(found):
        yield PlannedCase(seed, kind, number)
