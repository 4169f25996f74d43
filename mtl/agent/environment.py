"""What every environment promises: what it needs of a run, and to act from beginning to end."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mtl.agent.environment_checks import check_report, check_requires
from mtl.agent.report import ExecutionReport
from mtl.errors import InputError
from mtl.network import Network
from mtl.suites.base import MultiTaskDataModule, Predict


class Environment(ABC):
    """Where a trained network acts. It never builds data: a run hands it the suite that the run was trained on.

    Attributes:
        requires: the tasks whose predictions decide, and the kind of each (see :class:`~mtl.tasks.Task`).
        suite: the kind of suite that a run has to be trained on.
        acts_on_test_rows: whether it acts on the rows of the suite's test split. If not, it asks for none of its rows.
        ways: arguments in which configurations that are compared may differ: they say how the agent decides, or what
            is shown. The others say on what terms. None: it does not tell one from the other.
    """

    requires: ClassVar[Mapping[str, str]] = {}
    suite: ClassVar[type] = MultiTaskDataModule
    acts_on_test_rows: ClassVar[bool] = False
    ways: ClassVar[tuple[str, ...] | None] = None

    def check(self, data: MultiTaskDataModule) -> None:
        """Check that a run on this suite can act here, without its rows.

        Args:
            data: the run's suite.

        Raises:
            InputError: it cannot; says what is missing.
        """
        check_required_tasks(self, data)
        if not isinstance(data, self.suite):
            raise InputError(
                f"{cannot_act(self)}: that takes a run on {self.suite.__name__}, and this one is on "
                f"{type(data).__name__}"
            )

    def check_rows(self, data: MultiTaskDataModule) -> None:  # noqa: B027
        """Check that the rows of the suite hold what acting takes: said before a training, not after it.

        Args:
            data: the run's suite, its rows loaded.

        Raises:
            InputError: they do not; says what is missing. Default: nothing is asked of them.
        """

    def meet(self, network: Network | None) -> None:  # noqa: B027
        """Take from the agent's network what acting needs beside its predictions. Called before :meth:`act`.

        Args:
            network: the trained one; None: the agent has none, as with trees.

        Raises:
            InputError: the network lacks what acting needs.
        """

    def act(self, predict: Predict, data: MultiTaskDataModule) -> ExecutionReport:
        """Check that the run can act here, load the rows that it acts on, and act.

        Args:
            predict: inputs to raw predictions by task, in evaluation mode.
            data: the suite that the network was trained on. Its rows are loaded if the environment acts on them.

        Returns:
            What came of it.

        Raises:
            InputError: the suite is not what the environment needs.
        """
        self.check(data)
        if self.acts_on_test_rows:
            data.setup("test")
        return check_report(self.run(predict, data), self)

    def test_outcome(self, predict: Predict, data: MultiTaskDataModule) -> NDArray[np.float64] | None:
        """Act on what the labels of the test rows are about, to see where errors of heads and poor outcomes meet.

        Args:
            predict: inputs to raw predictions by task, in evaluation mode.
            data: the run's suite, its test rows loaded.

        Returns:
            The outcome for each group of test rows, by the group's number, lower being better; None, the default: this
            is not possible, or the outcome is by test row anyway.
        """
        return None

    @abstractmethod
    def run(self, predict: Predict, data: MultiTaskDataModule) -> ExecutionReport:
        """Act from beginning to end.

        Args:
            predict: inputs to raw predictions by task, in evaluation mode.
            data: the run's suite, with what was fitted on its training rows.

        Returns:
            What came of it.

        Raises:
            InputError: the rows do not hold what acting takes.
        """


def check_required_tasks(environment: Environment, data: MultiTaskDataModule) -> None:
    """Check that the suite has every task that the environment requires, each of the kind it requires.

    Args:
        environment: where to act.
        data: the run's suite, with the tasks that are learned.

    Raises:
        InputError: it does not; says the first that is missing or of another kind.
    """
    check_requires(environment)
    kinds = {task.name: task.kind for task in data.tasks}
    for name, kind in environment.requires.items():
        if name not in kinds:
            raise InputError(
                f"{cannot_act(environment)}: that takes task '{name}', and the run is trained on {', '.join(kinds)}"
            )
        if kinds[name] != kind:
            raise InputError(
                f"{cannot_act(environment)}: that takes task '{name}' of kind {kind}, and the run's is of kind "
                f"{kinds[name] or 'unknown'}"
            )


def cannot_act(environment: Environment) -> str:
    """How messages begin that say why a run cannot act in an environment."""
    return f"this run cannot act in {type(environment).__name__}"
