"""What every way to merge promises: task vectors to a merged trunk."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Protocol

import torch
from torch import Tensor
from typing_extensions import override

from mtl.config.numbers import is_number
from mtl.errors import InputError
from mtl.tasks import Task


@dataclass(frozen=True)
class TaskVectors:
    """What each network has learned since the common start.

    Attributes:
        start: theta_0, the trainable numbers of the trunk that all networks began with, ``[P]``.
        differences: tau_k = theta_k - theta_0, ``[K, P]``, for the trunk theta_k of task k.
        layers: how many of the P numbers each parameter tensor of the trunk has, in order.
        seed: of what a method draws.
    """

    start: Tensor
    differences: Tensor
    layers: tuple[int, ...]
    seed: int = 0


class Trials(Protocol):
    """What can be asked of a trunk before it is chosen; every task's own head reads it."""

    def validation_score(self, trunk: Tensor) -> float:
        """Geometric mean of the tasks' validation losses with the trunk ``[P]``, lower being better."""

    def entropy(self, trunk: Tensor) -> Tensor:
        """Mean entropy of the predictions on the next batch of validation rows, ``[]``, summed over the tasks.

        The labels are not looked at. The gradient reaches the trunk ``[P]``.
        """


@dataclass(frozen=True)
class MergedTrunk:
    """What became of the networks.

    Attributes:
        values: the trunk, ``[P]``.
        coefficients: of each task vector, ``[K, 1]``, or of each of its parameter tensors, ``[K, L]``.
        tried: coefficients that were tried, with their validation scores; empty: validation chose none.
        note: what the user should know of the choice; empty: nothing.
    """

    values: Tensor
    coefficients: Tensor
    tried: tuple[tuple[float, float], ...] = ()
    note: str = ""


class Merging(ABC):
    """From task vectors to one trunk. Test rows are not looked at, and the heads stay as they were learned apart."""

    @abstractmethod
    def merge(self, vectors: TaskVectors, trials: Trials) -> MergedTrunk:
        """Merge.

        Args:
            vectors: what was learned apart.
            trials: says what a trunk is worth on validation rows.

        Returns:
            The trunk.
        """

    def check(self, tasks: Sequence[Task], *, keeps_statistics: bool) -> None:  # noqa: B027 (no-op by default)
        """Raise InputError where these networks cannot be merged so; by default all can.

        Args:
            tasks: what is learned.
            keeps_statistics: whether the trunk has batch norms with running statistics.
        """


class ScaledMerging(Merging):
    """``theta = theta_0 + lambda tau`` for one direction tau, with the lambda that is best on validation.

    Args:
        coefficients: the lambdas to be tried.
    """

    def __init__(self, coefficients: Sequence[float]) -> None:
        several = isinstance(coefficients, Sequence) and not isinstance(coefficients, str)
        if not several or not coefficients or not all(map(is_number, coefficients)):
            raise InputError(f"model.merge.coefficients={coefficients}: expected one number or more")
        self.coefficients = tuple(float(one) for one in coefficients)

    @abstractmethod
    def direction(self, vectors: TaskVectors) -> Tensor:
        """The direction tau, ``[P]``, of the task vectors."""

    @override
    def merge(self, vectors: TaskVectors, trials: Trials) -> MergedTrunk:
        direction = self.direction(vectors)
        tried = tuple((one, trials.validation_score(vectors.start + one * direction)) for one in self.coefficients)
        best = min(tried, key=lambda pair: pair[1] if isfinite(pair[1]) else inf)
        if not isfinite(best[1]):
            raise InputError("merging: no coefficient of model.merge.coefficients gives a finite validation loss")
        chosen = torch.full((len(vectors.differences), 1), best[0])
        return MergedTrunk(vectors.start + best[0] * direction, chosen, tried, self._note(best[0]))

    def _note(self, best: float) -> str:
        """What to say where the best coefficient is at an end of what was tried; empty where it is not."""
        ends = {max(self.coefficients): ("largest", "larger"), min(self.coefficients): ("smallest", "smaller")}
        if best not in ends or len(self.coefficients) == 1:
            return ""
        end, further = ends[best]
        return f"merging: the best coefficient, {best:g}, is the {end} of model.merge.coefficients: try {further} ones"
