"""Random draws of a method that neither other draws nor an interruption change."""

from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mtl.weighting.state.simplex import normalise_to_simplex

FAR = 2**31  # more steps than any training has


class PythonRandom(Random):
    """Python's generator, as a class of its own: ``torch.compile`` would take ``Random`` for a constant, and fail."""


class Draws(nn.Module):
    """A random generator of each method and step, independent of all other draws.

    All processes draw the same numbers whatever else drew before, and a resumed run goes on where it was: the generator
    is seeded from a buffer that holds torch's seed at the time of construction and the number of steps drawn for.
    Nothing of that is of any task: a method with this state alone may take that of another number of tasks.
    """

    state: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.tensor([torch.initial_seed() % 2**31, 0]))

    def set_apart(self) -> None:
        """Draw other numbers than another one that was made with the same seed, in all steps."""
        self.state[1] += FAR

    def generator(self) -> torch.Generator:
        """The generator of the next step, on the CPU."""
        return torch.Generator().manual_seed(self._random().getrandbits(32))  # of which torch uses no more

    def dirichlet(self, concentration: float, count: int) -> Tensor:
        """Numbers of sum 1, ``[count]``, of the Dirichlet distribution of equal concentrations, for the next step."""
        random = self._random()
        return normalise_to_simplex(torch.tensor([random.gammavariate(concentration, 1) for _ in range(count)]))

    def order(self, count: int) -> NDArray[np.int64]:
        """The other tasks in random order, for each of ``count`` tasks, ``[count, count - 1]``, for the next step."""
        random = self._random()
        keys = np.array([[random.random() if i != j else 1.0 for j in range(count)] for i in range(count)])
        out: NDArray[np.int64] = keys.argsort(1)[:, :-1]  # the task itself, at 1, comes last
        return out

    def _random(self) -> Random:
        seed, step = self.state.tolist()
        self.state[1] += 1
        return PythonRandom(seed + 2**31 * step)
