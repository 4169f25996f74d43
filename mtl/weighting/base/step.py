"""An optimizer step, and one call of ``backward`` in it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn import Parameter

from mtl.config.numbers import check_number, is_number
from mtl.config.switches import check_switch
from mtl.errors import InputError
from mtl.gradients.frontier import Frontier

Losses = Tensor | Sequence[Tensor]


@dataclass(frozen=True)
class Step:
    """Where one call of ``backward`` stands in an optimizer step. The default is a step of its own.

    Attributes:
        tasks: indices of the tasks that have labels in this optimizer step; None means all. The others are left out of
            the solve and their state stays as it is.
        batches: calls of ``backward`` in the optimizer step (accumulated batches). Losses are such that their mean over
            these calls, and over the processes, is the loss of the whole step.
        last: this is the last of these calls.
        scale: factor above 0 on every gradient written, e.g. that of a gradient scaler for half precision.
        recompute: for a method that ``needs_nearby_losses``: computes the losses of all batches of the optimizer step
            once more, batch by batch, at the parameters as they are. Needed with the last of the calls. It is called
            without autocast, so it enters that by itself where the loop has it.

    Raises:
        InputError: tasks that are no numbers, as of a mask; fewer than one batch; a scale that is not above 0.
    """

    tasks: tuple[int, ...] | None = None
    batches: int = 1
    last: bool = True
    scale: float = 1.0
    recompute: Callable[[], Iterable[Losses]] | None = None

    def __post_init__(self) -> None:
        if self.tasks is not None and not (
            isinstance(self.tasks, Sequence) and all(is_number(task, whole=True) for task in self.tasks)
        ):
            raise InputError(f"step.tasks={self.tasks}: expected numbers of tasks, such as (0, 2)")
        check_number("step.batches", self.batches, whole=True, least=1)
        check_switch("step.last", self.last)
        scale: Any = self.scale  # a tensor too, as a gradient scaler has it
        check_number("step.scale", scale.item() if isinstance(scale, Tensor) else scale, above=0)

    def present(self, num_tasks: int) -> list[int]:
        """Indices of the tasks that have labels in this optimizer step, of so many tasks in all, in order.

        InputError where one is named twice, or is none of 0 to ``num_tasks - 1``.
        """
        if self.tasks is None:
            return list(range(num_tasks))
        tasks = sorted(self.tasks)
        if not set(tasks).issubset(range(num_tasks)) or len(set(tasks)) < len(tasks):
            raise InputError(f"step.tasks={self.tasks}: expected different numbers from 0 to {num_tasks - 1}")
        return tasks


WHOLE_STEP = Step()


class Call(NamedTuple):
    """One call of ``backward``, reduced to the M tasks that take part.

    Attributes:
        losses: M scalars.
        tasks: indices of the M tasks.
        task_index: the same as a tensor ``[M]``.
        shared: shared parameters.
        private: private parameters of each of the M tasks.
        layer: parameters of the last shared layer.
        frontier: where gradients are compared instead, if they are compared at the representation.
        step: where the call stands in the optimizer step.
    """

    losses: list[Tensor]
    tasks: list[int]
    task_index: Tensor
    shared: list[Parameter]
    private: list[list[Parameter]]
    layer: list[Parameter]
    frontier: Frontier | None
    step: Step

    @property
    def trains(self) -> bool:
        """Whether any of the parameters is trained."""
        return bool(self.shared) or any(self.private)

    @property
    def private_parameters(self) -> list[Parameter]:
        """Those of all M tasks, task after task."""
        return [p for parameters in self.private for p in parameters]

    @property
    def parameters(self) -> list[Parameter]:
        """Shared and private ones."""
        return [*self.shared, *self.private_parameters]


def trained(parameters: Iterable[Parameter], what: str = "the parameters") -> list[Parameter]:
    """Those that are not frozen, each once.

    Args:
        parameters: as they were handed over.
        what: their name in messages.

    Returns:
        The parameters.

    Raises:
        InputError: a tensor, a module or something else that is no collection of parameters; a generator that was used
            up, as of ``module.parameters()`` called once before the loop: nothing would be trained, without a word.
    """
    if isinstance(parameters, GeneratorType) and parameters.gi_frame is None:
        raise InputError(
            f"{what}: a generator that was used up before: expected a list, as list(trunk.parameters()), or "
            "trunk.parameters() anew in every call"
        )
    if isinstance(parameters, Tensor):  # whose rows are no parameters
        raise no_parameters(parameters, what)
    try:
        return list({id(parameter): parameter for parameter in parameters if parameter.requires_grad}.values())
    except (AttributeError, TypeError) as error:
        raise no_parameters(parameters, what) from error


def no_parameters(given: object, what: str) -> InputError:
    """The error for what is handed over in place of several parameters."""
    return InputError(
        f"{what}: expected several parameters, as of trunk.parameters(), and got a {type(given).__name__}"
    )
