"""Held-out losses lead the network, and the training losses are weighted such that they lead it to the same place."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.distributed import mean_over_processes
from mtl.gradients.accumulate import add_gradient
from mtl.gradients.precision import without_autocast
from mtl.weighting.base import WHOLE_STEP, Call, GradientMemory, Losses, Step, Weighting, check_number, trained
from mtl.weighting.nearby import Recompute, StepSum, Vectors, gradients, recompute_of, shifted
from mtl.weighting.solvers.bilevel import shares_beside_constraint
from mtl.weighting.solvers.quadratic import array, min_norm, tensor
from mtl.weighting.state.adam import Adam
from mtl.weighting.state.gradient_history import GradientHistory

FADING = 0.75  # shares follow those of a step at the rate (1 + epochs) ** -FADING


class FORUM(Weighting):
    """First-order multi-gradient bi-level learning: descend all held-out losses, near an optimum of the training loss.

    Source: Ye, Lin, Cao, Zhang, Tsang, "A First-Order Multi-Gradient Algorithm for Multi-Objective Bi-Level
    Optimization", ECAI 2024, https://arxiv.org/abs/2401.09257.

    ``min_{a, theta} (F_1, ..., F_K)(theta)`` such that theta is an optimum of ``f = sum_i w_i L_i`` with
    ``w = softmax(a)``; F are held-out losses, L training losses. The constraint is ``q = f(a, theta) - f(a, theta_T)
    <= 0``, theta_T being T gradient steps of f from theta. Its derivative is ``grad f`` with respect to theta, and
    with respect to ``a_i``, where d are the differences of the losses ``L(theta) - L(theta_T)``, ``w_i (d_i - w'd)``.
    The direction is ``sum_i l_i F'_i + nu q'`` with ``F'_i = grad F_i / |grad F_i|`` and ``nu = max(sum_i l_i pi_i,
    0)``, ``pi_i = rho - <q', F'_i> / |q'|^2``, so that q falls by at least ``rho |q'|^2`` along it. The shares l of the
    simplex make ``|sum_i l_i F'_i + nu q'|^2 - rho nu |q'|^2`` least, and follow those of the steps at a rate that
    falls with the epochs. Adam moves a; all parameters of the network get the direction, those of heads too.

    So the network learns from the held-out rows, unlike with :class:`~mtl.weighting.auto_lambda.AutoLambda`. The
    weights that are reported are those of the training losses, ``nu w``. Before the first held-out losses the update is
    ``grad f``.

    Formulas and constants are those of the authors' code. Deviations: it takes half of each batch for F; here these
    rows are a share of the training rows, and their gradients those of the batch after the last step. Shares are
    divided by their sum. The inner descent ends at a step that does not lower f; theirs ends where f is above 1e5.

    Needs ``recompute`` of :class:`~mtl.weighting.base.Step`, K backward passes of held-out rows, T of the training
    rows, and K numbers per shared parameter.

    Args:
        num_tasks: K.
        rho: how fast q is to fall, above 0.
        inner_steps: T, 1 or more.
        inner_rate: length of these steps, times the gradient, above 0.
        lr: of Adam on a, above 0.
        held_out: share of the training rows of which F is, above 0 and below 1.
    """

    needs_nearby_losses = True
    logits: Tensor
    shares: Tensor
    epochs: Tensor

    def __init__(
        self,
        num_tasks: int,
        rho: float = 0.1,
        inner_steps: int = 5,
        inner_rate: float = 0.1,
        lr: float = 1e-3,
        held_out: float = 0.5,
    ) -> None:
        super().__init__(num_tasks)
        for name, value in {"rho": rho, "inner_rate": inner_rate, "lr": lr}.items():
            check_number(name, value, above=0)
        check_number("held_out", held_out, above=0, below=1)
        check_number("inner_steps", inner_steps, whole=True, least=1)
        self.rho, self.inner_steps, self.inner_rate, self.held_out = rho, inner_steps, inner_rate, held_out
        self.register_buffer("logits", torch.zeros(num_tasks))
        self.register_buffer("shares", torch.zeros(num_tasks))
        self.register_buffer("epochs", torch.zeros(()))
        self.adam = Adam(num_tasks, lr)
        # F' of the last held-out losses of each task; its private parameters [K, W], W being those of the largest head
        self.held_shared, self.held_private = GradientHistory(num_tasks), GradientHistory(num_tasks)
        self._held_out_memory = GradientMemory()
        self._training = StepSum()

    @override
    def on_epoch_end(self, losses: Tensor) -> None:
        super().on_epoch_end(losses)
        self.epochs += 1

    @override
    def on_held_out_losses(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        step: Step = WHOLE_STEP,
    ) -> None:
        self._check_held_out(losses, private, step)
        present, all_private = step.present(self.num_tasks), [trained(parameters) for parameters in private]
        if not present:  # no held-out row of the step has a label
            return
        own = [all_private[i] for i in present]
        with without_autocast(losses[0].device):
            found = self._held_out_memory.gather([losses[i] for i in present], trained(shared), own, step)
        if found is None:
            return
        with torch.no_grad():
            widths = [sum(p.numel() for p in parameters) for parameters in all_private]
            padded = found.jacobian.new_zeros(len(present), max(widths))
            for row, gradient in zip(padded, found.private, strict=True):
                row[: len(gradient)] = gradient
            lengths = (found.jacobian.square().sum(1) + padded.square().sum(1)).sqrt()
            usable = ((lengths > 0) & lengths.isfinite()).nonzero().flatten()
            tasks = torch.tensor(present, device=usable.device)[usable]
            for history, rows in ((self.held_shared, found.jacobian), (self.held_private, padded)):
                history.sized_for(rows)[tasks] = rows[usable] / lengths[usable, None]

    @override
    def _update(self, call: Call) -> Tensor | None:
        if not call.trains:  # a step of tasks that are frozen
            return torch.zeros(len(call.tasks), device=call.losses[0].device)
        recompute = recompute_of(call, "FORUM", self.num_tasks)
        weights = torch.softmax(self.logits.index_select(0, call.task_index), 0)
        losses = torch.stack(call.losses)
        slope = gradients(weights.to(losses) @ losses, call.parameters, call.step.scale)
        found = self._training.add([*slope, losses.detach()], call)
        if found is None:
            return None
        slopes, values = found[:-1], found[-1]
        ahead = self._losses_ahead(call, recompute, weights, slopes, values)
        with torch.no_grad():
            return self._descend(call, weights, slopes, values - ahead)

    def _losses_ahead(
        self, call: Call, recompute: Recompute, weights: Tensor, slopes: Vectors, values: Tensor
    ) -> Tensor:
        """The training losses ``[M]`` after the inner steps; their gradient and values before the first are known."""
        parameters, moves = call.parameters, [-self.inner_rate * slope for slope in slopes]
        weights = weights.to(values)
        for number in range(self.inner_steps):
            last = number == self.inner_steps - 1
            with shifted(parameters, moves), torch.set_grad_enabled(not last):
                found, slopes = self._values_and_slopes(call, recompute, weights, [] if last else parameters)
            if not bool(weights @ found < weights @ values):  # also where it is not a number
                break
            values = found
            moves = [move - self.inner_rate * slope for move, slope in zip(moves, slopes, strict=False)]
        return values

    @staticmethod
    def _values_and_slopes(
        call: Call, recompute: Recompute, weights: Tensor, parameters: Sequence[Parameter]
    ) -> tuple[Tensor, Vectors]:
        """The training losses ``[M]`` at the parameters as they are, and the gradient of f by those that are named."""
        values, total = [], [torch.zeros_like(p) for p in parameters]
        for losses in recompute():
            chosen = torch.stack([losses[i] for i in call.tasks])
            values.append(chosen.detach().to(weights))
            new = gradients(weights.to(chosen) @ chosen, parameters, call.step.scale) if parameters else []
            total = [a + b for a, b in zip(total, new, strict=True)]
        mean = mean_over_processes(torch.stack(values).mean(0))
        return mean, [mean_over_processes(part / len(values)) for part in total]

    def _descend(self, call: Call, weights: Tensor, slopes: Vectors, fall: Tensor) -> Tensor:
        """Write the direction and move a.

        Args:
            call: the last one of the step.
            weights: w ``[M]``.
            slopes: ``grad f``, of each parameter.
            fall: d ``[M]``.

        Returns:
            The weights that the training losses have in the direction, ``[M]``.
        """
        shared, *own = flat_parts(slopes, [call.shared, *call.private])
        weights, fall = weights.to(shared), fall.to(shared)
        of_logits = weights * (fall - weights @ fall)
        square = torch.stack([part.square().sum() for part in (shared, *own, of_logits)]).sum()
        held_shared, held_own = (
            history.values[call.task_index].to(shared) for history in (self.held_shared, self.held_private)
        )
        if held_shared.shape[1] != len(shared) or held_own.shape[1] < max(map(len, own)):
            held_shared, held_own = held_shared[:, :0], held_own[:, :0]  # none yet, or of other parameters
        known = (held_shared.square().sum(1) + held_own.square().sum(1) > 0).nonzero().flatten()
        shares, nu = torch.zeros_like(weights), torch.ones_like(square)
        if not bool(square.isfinite()):
            nu = torch.full_like(square, torch.nan)
        elif len(known):
            own_inner = [row[: len(part)] @ part for row, part in zip(held_own, own, strict=True)]
            inner = held_shared @ shared + torch.stack(own_inner)
            gramian = held_shared @ held_shared.T + held_own.square().sum(1).diag()
            shares[known] = self._shares(gramian[known][:, known], inner[known], square, call.task_index[known])
            nu = (self.rho - shares @ inner / square).clamp(min=0) if square > 0 else torch.zeros_like(square)
            self.logits -= self.adam.step(nu * of_logits, call.task_index).to(self.logits)
        direction, *parts = [nu * part for part in (shared, *own)]
        if len(known):
            direction += shares @ held_shared
            for part, row, share in zip(parts, held_own, shares, strict=True):
                part += share * row[: len(part)]
        add_gradient(call.step.scale * torch.cat([direction, *parts]), call.parameters)
        return nu * weights

    def _shares(self, gramian: Tensor, inner: Tensor, square: Tensor, tasks: Tensor) -> Tensor:
        """The shares l of some tasks, after they have followed those of this step.

        Args:
            gramian: ``<F'_i, F'_j> [M, M]``.
            inner: ``<q', F'_i> [M]``.
            square: ``|q'|^2``.
            tasks: indices ``[M]``.

        Returns:
            The shares ``[M]``.
        """
        if square > 0:
            found = shares_beside_constraint(array(gramian), array(inner), float(square), self.rho)
            best = tensor(found, gramian)
        else:
            best = min_norm(gramian)
        rate = (1 + self.epochs) ** -FADING
        self.shares[tasks] = torch.lerp(self.shares[tasks], best.to(self.shares), rate)
        followed = self.shares[tasks]
        return (followed / followed.sum()).to(inner)


def flat_parts(values: Vectors, groups: Sequence[Sequence[Parameter]]) -> Vectors:
    """The values of groups of parameters, one after the other, as a flat vector of each group."""
    flat = torch.cat([value.flatten() for value in values])
    return list(torch.split(flat, [sum(p.numel() for p in parameters) for parameters in groups]))
