"""Who is at a run of a sweep: a lease, which one process holds at a time, and which ends with its process."""

import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

WAIT = 0.5  # seconds between two questions for a lease that somebody else has


@dataclass(frozen=True)
class Lease:
    """The right to do a run, as long as it is renewed.

    Attributes:
        key: of the run.
        token: of this lease alone.
        after_death: the process that held the one before has not given it back.
    """

    key: str
    token: str
    after_death: bool


class Leases(ABC):
    """The leases of the runs of one output directory. Any number of processes may ask at once."""

    @abstractmethod
    def held(self, keys: Collection[str]) -> set[str]:
        """Those of these runs whose leases somebody alive holds."""

    @abstractmethod
    def take(self, key: str) -> Lease | None:
        """Take the lease of a run. Of several that ask at once one gets it; None: somebody alive has it."""

    @abstractmethod
    def keep(self, lease: Lease) -> AbstractContextManager[None]:
        """Within this, the lease is renewed every few seconds; at the end it is given back."""

    @abstractmethod
    def clear(self, key: str) -> None:
        """Remove the lease of a process that has died over a run of which nothing is left to do."""

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Within this, no other process is within this for the same key; waits until it is so."""
        while (lease := self.take(key)) is None:
            time.sleep(WAIT)
        with self.keep(lease):
            yield
