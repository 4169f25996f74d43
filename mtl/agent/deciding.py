"""Environments that decide by settings: prices, thresholds and weights, which can be tuned on validation rows."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mtl.agent.environment import Environment, cannot_act
from mtl.agent.report import Value
from mtl.errors import InputError, unknown
from mtl.suites.base import MultiTaskDataModule, Predict

Cases = TypeVar("Cases")


class DecidingEnvironment(Environment, Generic[Cases]):
    """Decides on rows by what is predicted of them and by settings, in episodes that do not depend on each other.

    Attributes:
        tunable: the settings that validation may change, which are attributes of the environment: the lowest and the
            highest value of each. None of them changes what an outcome is worth.
        reference: what the difference of two outcomes is relative to, for people.
    """

    tunable: ClassVar[Mapping[str, tuple[float, float]]] = {}
    reference: ClassVar[str] = "what the truth earns"

    @abstractmethod
    def cases(self, predict: Predict, data: MultiTaskDataModule, split: str) -> Cases:
        """What is predicted of the rows of a split, and what is true of them.

        Args:
            predict: inputs to raw predictions by task.
            data: the run's suite, its rows loaded.
            split: its name.

        Returns:
            The rows that can be acted on.

        Raises:
            InputError: there are none.
        """

    @abstractmethod
    def achieved(self, cases: Cases) -> tuple[NDArray[np.float64], float]:
        """Decide on all cases with the settings as they are.

        Args:
            cases: of :meth:`cases`.

        Returns:
            The outcome of each episode ``[episodes]``, higher being better, and what a difference of the mean is
            divided by to become a share of all that can be achieved.
        """

    @abstractmethod
    def decisions(self, predicted: Mapping[str, Tensor]) -> dict[str, list[Value]]:
        """Decide on new rows, of which nothing is known but what is predicted; they are one episode.

        Args:
            predicted: decoded predictions by task, ``[N, ...]``.

        Returns:
            Columns by name, with a value for each row.
        """

    @property
    def settings(self) -> dict[str, float]:
        """The values of the tunable settings."""
        return {name: float(getattr(self, name)) for name in self.tunable}

    def with_settings(self, values: Mapping[str, Any]) -> Self:
        """The same environment with other values of some tunable settings. InputError if one is unknown or no value."""
        changed = copy(self)
        changed.use(values)
        return changed

    def use(self, values: Mapping[str, Any]) -> None:
        """Decide by other values of some tunable settings from now on. InputError if one is unknown or no value."""
        for name, value in values.items():
            if name not in self.tunable:
                raise unknown("setting of the environment", name, self.tunable)
            low, high = self.tunable[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise InputError(f"{name}={value}: expected a number, {low:g} to {high:g}")
            setattr(self, name, float(value))

    def check_settings(self) -> None:
        """Check that the settings are within their ranges. InputError if one is not."""
        self.use({name: getattr(self, name) for name in self.tunable})


def check_columns(environment: Environment, option: str, names: Sequence[str], columns: Sequence[str]) -> None:
    """Check that a table has the columns that an option names, each once. InputError if not, with the nearest name."""
    for name in names:
        if name not in columns:
            raise InputError(f"{cannot_act(environment)}: {unknown(f'column in {option}', name, columns)}")
        if list(names).count(name) > 1:
            raise InputError(f"{cannot_act(environment)}: {option} names the column '{name}' twice")
