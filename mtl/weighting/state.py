"""State that several methods keep: random draws, numbers given by task, and matrices whose size the first step
tells.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mtl.errors import InputError, unknown
from mtl.gradients.task_gradients import gramian_of

DECAYS = torch.tensor([[0.9], [0.999]])  # of Adam's moments
EPSILON = 1e-8
LARGEST = torch.finfo(torch.float32).max
TINY = torch.finfo(torch.float32).tiny  # too small to change any number that is not zero


def shares(values: Tensor) -> Tensor:
    """Numbers of 0 or more ``[M]`` divided by their sum; equal ones where all are zero."""
    values = values + TINY
    return values / values.sum()


class Draws(nn.Module):
    """A random generator of a method's own, one per step.

    All processes draw the same numbers whatever else drew before, and a resumed run goes on where it was: the generator
    is seeded from a buffer that holds torch's seed at the time of construction and the number of steps drawn for.
    """

    state: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.tensor([torch.initial_seed() % 2**31, 0]))

    def generator(self) -> torch.Generator:
        """The generator of the next step, on the CPU."""
        return torch.Generator().manual_seed(self._random().getrandbits(32))  # of which torch uses no more

    def order(self, count: int) -> NDArray[np.int64]:
        """For each of ``count`` things the others in random order, ``[count, count - 1]``, for the next step."""
        random = self._random()
        keys = np.array([[random.random() if i != j else 1.0 for j in range(count)] for i in range(count)])
        out: NDArray[np.int64] = keys.argsort(1)[:, :-1]  # oneself, at 1, comes last
        return out

    def _random(self) -> Random:
        seed, step = self.state.tolist()
        self.state[1] += 1
        return Random(seed + 2**31 * step)


class PerTask(nn.Module):
    """One number for each task, finite and not negative, given in order or by task name.

    Args:
        what: the option's name in messages.
        num_tasks: K.
        given: a number per task, or numbers by name; None, or a task that is not named, has ``default``.
        default: see above.
        all_zero: every number may be zero; otherwise at least one has to be above 0.

    Raises:
        InputError: a value that is negative or not finite in single precision; only zeros; a wrong number of values.
    """

    values: Tensor

    def __init__(
        self,
        what: str,
        num_tasks: int,
        given: Mapping[str, float] | Sequence[float] | None = None,
        default: float = 1.0,
        all_zero: bool = False,
    ) -> None:
        super().__init__()
        self.what, self.all_zero = what, all_zero
        self.named = dict(given) if isinstance(given, Mapping) else {}
        values = [default] * num_tasks if given is None or isinstance(given, Mapping) else list(given)
        if len(values) != num_tasks:
            raise InputError(f"{what} has {len(values)} values for {num_tasks} tasks")
        for name, value in [*self.named.items(), *enumerate(values)]:
            if not 0 <= value <= LARGEST:
                raise InputError(f"{what}: {name} has {value}, expected a finite number, 0 or more")
        self.register_buffer("values", torch.tensor(values, dtype=torch.float32))
        self._waits_for_names = bool(self.named)
        self._check_any_positive()

    def bind(self, names: Sequence[str]) -> None:
        """Look up the named tasks. A name that is no task is an InputError with the right ones."""
        for name, value in self.named.items():
            if name not in names:
                raise unknown(f"task in {self.what}", name, names)
            self.values[names.index(name)] = value
        self._waits_for_names = False
        self._check_any_positive()

    def select(self, tasks: Tensor) -> Tensor:
        """The values of these tasks, ``[M]``."""
        if self._waits_for_names:
            raise InputError(f"{self.what} goes by task name: call bind(names) of the weighting before the first step")
        return self.values if len(tasks) == len(self.values) else self.values.index_select(0, tasks)

    def shares(self, tasks: Tensor) -> Tensor:
        """The values of these tasks divided by their sum, ``[M]``; equal shares where all of these are zero."""
        return shares(self.select(tasks))

    def _check_any_positive(self) -> None:
        if not self.all_zero and not self._waits_for_names and not bool((self.values > 0).any()):
            raise InputError(f"{self.what} is 0 for every task: expected at least one number above 0")


class History(nn.Module):
    """Matrix ``[K, P]`` of numbers remembered about every task's gradient, zero at first.

    P is not known before the first step: the buffer is empty until then, and takes the size of what a checkpoint holds.
    """

    values: Tensor

    def __init__(self, num_tasks: int) -> None:
        super().__init__()
        self.num_tasks = num_tasks
        self.register_buffer("values", torch.zeros(num_tasks, 0))

    def of(self, jacobian: Tensor) -> Tensor:
        """The matrix, made to fit a Jacobian ``[M, P]``."""
        if self.values.shape[1] != jacobian.shape[1]:
            self.values = jacobian.new_zeros(self.num_tasks, jacobian.shape[1])
        return self.values

    def rows(self, jacobian: Tensor, tasks: Tensor) -> Tensor:
        """Those of the tasks numbered ``tasks [M]``, made to fit their Jacobian; the matrix itself where it is all."""
        values = self.of(jacobian)
        return values if len(tasks) == self.num_tasks else values[tasks]

    def move(self, jacobian: Tensor, tasks: Tensor, rates: Tensor) -> Tensor:
        """Move the tasks' rows h towards those of a Jacobian, ``h_i + rate_i (g_i - h_i)``; returns them."""
        moved = self.rows(jacobian, tasks).lerp_(jacobian, rates.to(jacobian)[:, None])
        if len(tasks) < self.num_tasks:
            self.values[tasks] = moved
        return moved

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        found = state_dict.get(prefix + "values")
        if found is not None and len(found) == self.num_tasks:
            self.values = self.values.new_zeros(found.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


class OnSimplex(nn.Module):
    """Weights ``[K]``, not negative and of sum 1, that a method moves; equal at first."""

    values: Tensor

    def __init__(self, num_tasks: int) -> None:
        super().__init__()
        self.register_buffer("values", torch.full((num_tasks,), 1 / num_tasks))

    def of(self, tasks: Tensor) -> Tensor:
        """The weights of these tasks divided by their sum, ``[M]``; equal where all are zero."""
        return shares(self.values.index_select(0, tasks))

    def move(self, tasks: Tensor, weights: Tensor) -> None:
        """Share the sum that these tasks have by ``weights [M]`` of sum 1; the others keep theirs."""
        self.values[tasks] = weights.to(self.values) * self.values[tasks].sum()


class Previous(nn.Module):
    """The task gradients ``[K, P]`` of the step before; of a task without labels in it, the last it had."""

    def __init__(self, num_tasks: int) -> None:
        super().__init__()
        self.history = History(num_tasks)

    def crossed(self, jacobian: Tensor, tasks: Tensor) -> Tensor:
        """``J H' [M, M]`` of this step's gradients J ``[M, P]`` and the previous ones H, which J replaces.

        Divided by the product of their mean lengths, so that it has no unit; zero in the first step.
        """
        before = self.history.rows(jacobian, tasks)
        size = jacobian.norm(dim=1).mean() * before.norm(dim=1).mean()
        crossed = gramian_of(jacobian, before)
        self.history.values[tasks] = jacobian
        return crossed / torch.where(size > 0, size, torch.ones_like(size))


class Adam(nn.Module):
    """Adam's moments of K numbers that a method moves itself, outside the optimizer of the network.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, https://arxiv.org/abs/1412.6980.

    Args:
        count: K.
        lr: length of a step.
    """

    moments: Tensor
    steps: Tensor

    def __init__(self, count: int, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.register_buffer("moments", torch.zeros(2, count))
        self.register_buffer("steps", torch.zeros(()))

    def move(self, slope: Tensor, numbers: Tensor | None = None) -> Tensor:
        """What to take away from the K numbers, given the slope along all of them, or along those numbered: the others
        count as flat in the moments, and stay.
        """
        whole = slope if numbers is None else torch.zeros_like(self.moments[0]).index_copy(0, numbers, slope)
        self.steps += 1
        decays = DECAYS.to(whole)
        self.moments.mul_(decays).add_((1 - decays) * torch.stack([whole, whole**2]))
        mean, square = self.moments / (1 - decays**self.steps)
        move: Tensor = self.lr * mean / (square.sqrt() + EPSILON)
        return move if numbers is None else torch.zeros_like(move).index_copy(0, numbers, move[numbers])
