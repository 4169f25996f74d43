"""Weights that are learned on held-out rows: the part that such methods have in common."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.errors import InputError
from mtl.gradients.gramian import gramian_of
from mtl.gradients.precision import without_autocast
from mtl.gradients.task_gradients import TaskGradients
from mtl.weighting.base import (
    WHOLE_STEP,
    Call,
    GradientMemory,
    Losses,
    Step,
    Weighting,
    check_number,
    trained,
    write_update,
)


class HeldOutWeighting(Weighting):
    """Weights that make a step on the training rows good for rows that are held out.

    With weights w a gradient step leads to ``theta' = theta - lr sum_i w_i g_i``, so the derivative of a held-out loss
    ``F_j(theta')`` with respect to ``w_i`` is ``-lr <grad F_j(theta'), g_i>``: exactly, since one step is linear in w.
    No second derivative and no finite difference is needed, only the K training gradients, which are at hand, and
    gradients of the held-out losses. All parameters count, those of the heads too.

    The step that is looked at is the one just taken, with the real optimizer, and what is learned from it serves the
    next one: ``grad F_j`` is taken where that optimizer went, and the products are those of plain gradient descent.
    Published methods take a trial step on a copy of the network, and then the real one.

    The rows are a share of the training split: those of validation stay for selection alone.

    Where some tasks are auxiliary, ``F_j`` are the losses of the others alone: an auxiliary task has weight as far as
    it helps them.

    Args:
        num_tasks: K.
        held_out: share of the training rows, above 0 and below 1.
        normalise: see :class:`~mtl.weighting.base.Weighting`; held-out losses are divided by the same numbers.
    """

    units: Tensor

    def __init__(self, num_tasks: int, held_out: float, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("held_out", held_out, above=0, below=1)
        self.held_out = held_out
        self.register_buffer("units", torch.ones(num_tasks))  # s of the last step a task took part in
        self._last_step: tuple[TaskGradients, list[int]] | None = None  # gradients and tasks of the step just taken
        self._held_out_memory = GradientMemory()

    @abstractmethod
    def current_weights(self, tasks: Tensor) -> Tensor:
        """The weights ``[M]`` of these tasks, of losses after ``normalise``."""

    @abstractmethod
    def objectives(self, losses: list[Tensor], tasks: list[int]) -> list[Tensor]:
        """The scalars whose gradients :meth:`improve` needs, of the held-out losses of the tasks that have labels.

        None where no task that counts is among them.
        """

    @abstractmethod
    def improve(self, products: Tensor, tasks: Tensor) -> None:
        """Move the weights of some tasks.

        Args:
            products: ``[N, M]``, of the gradients of N objectives and those of M tasks in the step just taken, divided
                by the objective's length and the tasks' mean length. A positive number: more weight to that task would
                have made the objective smaller. Objectives without gradient are left out.
            tasks: indices ``[M]`` of these tasks.
        """

    @override
    def _update(self, call: Call) -> Tensor | None:
        gathered = self._memory.gather(call.losses, call.shared, call.private, call.step)
        if gathered is None:
            return None
        if call.shared:
            self._record_gramian(gramian_of(gathered.jacobian), call.tasks)
        with torch.no_grad():
            tasks = call.task_index
            scales = self._scales(gathered.losses, call.tasks, gathered.jacobian.norm(dim=1))
            if bool(scales.isfinite().all()):
                self.units[tasks] = scales
            weights = self.current_weights(tasks) / scales
            write_update(call, weights @ gathered.jacobian, gathered, weights)
        self._last_step = (gathered, call.tasks)
        return weights

    @override
    def on_held_out_losses(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        step: Step = WHOLE_STEP,
    ) -> None:
        self._check_held_out(losses, private, step)
        present = step.present(self.num_tasks)
        if self._last_step is None or not present:  # no held-out row of the step has a label
            return
        shared_parameters, private_parameters = trained(shared), [trained(parameters) for parameters in private]
        parameters = [*shared_parameters, *(p for part in private_parameters for p in part)]
        objectives = self.objectives([losses[i] / self.units[i] for i in present], present)
        if not objectives:
            return
        # To the held-out objectives all parameters are alike: none is private to one of them
        with without_autocast(losses[0].device):
            held = self._held_out_memory.gather(objectives, parameters, [[] for _ in objectives], step)
        if held is None:
            return
        (step_gradients, tasks), self._last_step = self._last_step, None
        with torch.no_grad(), without_autocast(losses[0].device):
            self._compare(held.jacobian, step_gradients, tasks, shared_parameters, private_parameters)

    def _compare(
        self,
        held: Tensor,
        step_gradients: TaskGradients,
        tasks: list[int],
        shared: list[Parameter],
        private: list[list[Parameter]],
    ) -> None:
        sizes = [sum(p.numel() for p in part) for part in (shared, *private)]
        taken = [step_gradients.jacobian.shape[1], *(part.numel() for part in step_gradients.private)]
        if taken != [sizes[0], *(sizes[1 + i] for i in tasks)]:
            raise InputError(
                f"{type(self).__name__}: the parameters of the held-out losses are not those of the step before: "
                "expected the same ones, shared and private"
            )
        shared_part, *private_parts = torch.split(held, sizes, 1)
        units = self.units[tasks]
        heads = [private_parts[i] @ step_gradients.private[m] for m, i in enumerate(tasks)]
        products = (shared_part @ step_gradients.jacobian.T + torch.stack(heads, 1)) / units  # [N, M]
        squares = step_gradients.jacobian.square().sum(1) + torch.stack(
            [part.square().sum() for part in step_gradients.private]
        )
        length, reach = (squares.sqrt() / units).mean(), held.norm(dim=1, keepdim=True)
        products = products[reach[:, 0] > 0] / (reach[reach[:, 0] > 0] * length)
        if len(products) and bool(products.isfinite().all()):
            self.improve(products, torch.tensor(tasks, device=held.device))
