"""What every way to improve a trained network promises: a policy that is no worse on shops kept for that."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mtl.config.run_result import ImprovementResult
from mtl.network import Network
from mtl.suites.base import MultiTaskDataModule


@dataclass(frozen=True)
class Progress:
    """How far an improvement is.

    Attributes:
        done: generations that are behind.
        total: of how many.
        values: what was measured in the last one, by name.
    """

    done: int
    total: int
    values: dict[str, float]


class Improvement(ABC):
    """Changes a trained network by what comes of acting with it, without labels.

    Attributes:
        task: the one whose head is changed; the others predict as before.
    """

    task: ClassVar[str]

    @abstractmethod
    def check(self, data: MultiTaskDataModule, network: Network) -> None:
        """Check that a network on this suite can be improved so.

        Args:
            data: the suite, with the tasks that are learned; none of its rows are asked for.
            network: as built, not yet trained.

        Raises:
            InputError: it cannot; says what is missing.
        """

    @abstractmethod
    def improve(
        self, network: Network, seed: int, memory: Path, watch: Callable[[Progress], None]
    ) -> ImprovementResult:
        """Search, and change the network to the best that was found, or leave it as it is.

        Args:
            network: the trained one.
            seed: of everything random: the same seed gives the same network.
            memory: file in which the search keeps its state. Where there is one it goes on from it.
            watch: called after each step of the search.

        Returns:
            What came of it.
        """
