"""What every way to improve a trained network promises: a policy that is no worse on instances kept for that."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from torch import Tensor

from mtl.agent.environment import Environment
from mtl.config.run_result import ImprovementResult, RoundResult
from mtl.network import Network
from mtl.suites.base import MultiTaskDataModule, Predict


@dataclass(frozen=True)
class Progress:
    """How far an improvement is.

    Attributes:
        done: generations that are behind.
        total: of how many.
        values: what was measured in the last one, by name.
        stage: what is being done; empty: an improvement has one part only.
        rounds: what came of the rounds that are decided, where there are rounds.
    """

    done: int
    total: int
    values: dict[str, float]
    stage: str = ""
    rounds: tuple[RoundResult, ...] = ()


Watch = Callable[[Progress], None]


class Improvement(ABC):
    """Changes a trained network, or how it is acted with, by what comes of acting.

    Attributes:
        reference: what gains are relative to, for people.
    """

    reference: str = "the plain rule"

    @property
    def adds_dispatchers(self) -> bool:
        """Whether it may give the agent dispatchers beside the first one. Default: it does not."""
        return False

    def act_in(self, environment: Environment | None, predict: Predict) -> None:  # noqa: B027
        """Where the agent will act, and what the network predicts; called before :meth:`check`. Default: no-op.

        Args:
            environment: that of the run; None: it does not act.
            predict: inputs to raw predictions by task, by the network as it is when called.
        """

    @abstractmethod
    def check(self, data: MultiTaskDataModule, network: Network) -> None:
        """Check that a network on this suite can be improved so.

        Args:
            data: the suite, with the tasks that are learned; none of its rows are asked for.
            network: as built, not yet trained.

        Raises:
            InputError: it cannot; says what is missing.
        """

    def check_rows(self, seed: int) -> None:  # noqa: B027
        """Check that the rows are enough to improve by; called before the training, when they are loaded.

        Default: no-op.

        Args:
            seed: as for :meth:`improve`.

        Raises:
            InputError: they are not.
        """

    @abstractmethod
    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        """Search, and change the network to the best that was found, or leave it as it is.

        Args:
            network: the trained one.
            seed: of everything random: the same seed gives the same network.
            memory: file in which the search keeps its state. Where there is one it goes on from it.
            watch: called after each step of the search.

        Returns:
            What came of it.
        """


class InRounds(Improvement):
    """An improvement of rounds, with which a finished run can be improved.

    Attributes:
        rounds: how many.
        first: an improvement that comes before the rounds; None: none. A run that improves a finished one has that of
            the finished one here, so that its config says all that it is made of.
        behind: rounds of the improvements before, of those that improved finished runs.
    """

    rounds: int
    first: Improvement | None
    behind: int

    @abstractmethod
    def without_first(self) -> Self:
        """The same rounds for a network that ``first`` has improved already."""


class Proposer(Improvement):
    """An improvement that can be repeated: it proposes a changed network, and says what networks achieve.

    Whether a proposal is kept is decided by :class:`~mtl.agent.improvement.rounds.Rounds`.

    Attributes:
        task: the one whose head is changed; the others predict as before.
        generations: of one proposal.
        fewest: validation instances of the smallest group.
    """

    task: ClassVar[str]
    generations: int
    fewest: int

    @abstractmethod
    def propose(self, network: Network, seed: int, memory: Path, watch: Watch) -> float:
        """Search, and change the network to what was found, whether it is better or not.

        Args:
            network: the one to begin with.
            seed: of everything random: the same seed gives the same network.
            memory: file in which the search keeps its state. Where there is one it goes on from it.
            watch: called after each step of the search.

        Returns:
            Seconds that it took; a search that is gone on with counts on.
        """

    @abstractmethod
    def achieved(self, networks: Sequence[Network], seed: int) -> dict[str, Tensor]:
        """Act with networks on validation instances, the same ones for each.

        Args:
            networks: P networks that differ in what :meth:`propose` changes.
            seed: says which instances: those of another seed are others.

        Returns:
            By name of a group of instances what each network achieves on each, ``[P, N]``; lower is better, and 0 is as
            good as the plain rule that the report has beside the agent.
        """


def beside(memory: Path, name: str) -> Path:
    """The file beside another one in which a part of an improvement keeps its state."""
    return memory.with_name(f"{memory.stem}-{name}{memory.suffix}")
