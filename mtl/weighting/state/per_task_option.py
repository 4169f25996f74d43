"""Options with one number for each task."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mtl.config.numbers import LARGE, is_number
from mtl.errors import InputError, unknown
from mtl.weighting.state.simplex import normalise_to_simplex
from mtl.weighting.state.task_values import select_tasks

PerTaskNumbers = Mapping[str, float] | Sequence[float] | None
"""What a user gives: numbers by task name, or one for each task in order."""


def check_several(what: str, given: object, expected: str) -> None:
    """Refuse what is neither None nor several values: a number, or a text, which would be taken letter by letter.

    Args:
        what: the option's name in messages.
        given: what a user gave.
        expected: what several values are, for the message.

    Raises:
        InputError: the option, the value and what was expected.
    """
    if isinstance(given, str) or not isinstance(given, Iterable | None):
        raise InputError(f"{what}={given}: expected {expected}")


def plain_numbers(given: Iterable[float | Tensor]) -> list[Any]:
    """Several values as a list; those that are tensors, as the elements of one are, as plain numbers."""
    return [value.tolist() if isinstance(value, Tensor) else value for value in given]


class PerTaskOption(nn.Module):
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
        given: PerTaskNumbers = None,
        default: float = 1.0,
        all_zero: bool = False,
    ) -> None:
        super().__init__()
        self.what, self.all_zero = what, all_zero
        check_several(what, given, f"numbers by task name, or a list of {num_tasks} in order")
        self.named = dict(given) if isinstance(given, Mapping) else {}
        values = [default] * num_tasks if given is None or isinstance(given, Mapping) else plain_numbers(given)
        if len(values) != num_tasks:
            raise InputError(f"{what} has {len(values)} values for {num_tasks} tasks")
        for name, value in [*self.named.items(), *enumerate(values)]:
            if not is_number(value) or not 0 <= value <= LARGE:
                raise InputError(
                    f"{what}: {name} has {value}, expected a finite number, 0 or more and at most {LARGE:g}"
                )
        self.register_buffer("values", torch.tensor(values, dtype=torch.float32))
        self._waits_for_names = bool(self.named)
        self._check_any_positive()

    def bind(self, names: Sequence[str]) -> None:
        """Look up the named tasks among those of the run.

        Args:
            names: of all K tasks, in order.

        Raises:
            InputError: a name that is no task (with the nearest one); only zeros.
        """
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
        return select_tasks(self.values, tasks)

    def shares(self, tasks: Tensor) -> Tensor:
        """The values of these tasks divided by their sum, ``[M]``; equal shares where all of these are zero."""
        return normalise_to_simplex(self.select(tasks))

    def _check_any_positive(self) -> None:
        if not self.all_zero and not self._waits_for_names and not bool((self.values > 0).any()):
            raise InputError(f"{self.what} is 0 for every task: expected at least one number above 0")
