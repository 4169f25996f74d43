"""Weights from the slopes of held-out losses."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.distributed import mean_over_processes
from mtl.weighting.base import WHOLE_STEP, Losses, LossWeighting, Step, check_number
from mtl.weighting.state.series import Series


class CoBa(LossWeighting):
    """Convergence balancer: all tasks converge at one pace, and one that diverges loses weight.

    Source: Gong, Yu, Liao, Liu, Chen, Li, "CoBa: Convergence Balancer for Multitask Finetuning of Large Language
    Models", EMNLP 2024, https://arxiv.org/abs/2410.06741.

    ``r_i(t) = F_i(t) / F_i(0)`` with the held-out loss ``F_i`` after step t, ``a_i(t)`` the slope of a line through the
    last N of them, and ``a(t)`` that of a line through the largest ``max_i r_i`` of each step. A negative slope is
    progress. From step ``warm_up`` on, with all sums over the values since then, and those over s of the last N only::

        relative_i = softmax_i( K a_i(t) / sum_j |a_j(t)| )           (slow tasks get more)
        absolute_i = softmax_i( - N a_i(t) / sum_s |a_i(s)| )         (tasks slower than they were get less)
        D = min(t softmax_t( - tau t a(t) / sum_s |a(s)| ), 1)        (falls when the slowest task slows down)
        w_i = D relative_i + (1 - D) absolute_i

    with t and N the numbers of values in these sums. Before that, ``w_i = 1 / K``. The weights sum to 1. Heads get the
    weighted gradient.

    The authors' code (https://github.com/codefuse-ai/MFTCoder) takes a softmax of K w besides, and limits the weights
    from below by ``1 / (10 K)``; here they are as in the paper. ``a`` is as in that code.

    Deviations:
        - the losses are those of a share of the training rows, which the network is not trained with: the validation
          rows stay for selection. ``F_i(0)`` is the first that is seen, that after the first step;
        - a task without labels keeps its slopes; one whose ``F_i(0)`` is 0 or below counts as standing still.

    Needs a forward pass on held-out rows per step.

    Args:
        num_tasks: K.
        tau: how fast D falls, 0 or more.
        warm_up: steps of equal weights, at least 2.
        window: N, at least 2.
        held_out: share of the training rows, above 0 and below 1.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    linear = True
    steps: Tensor
    first: Tensor
    ratios: Tensor
    largest: Tensor
    slopes: Tensor

    def __init__(
        self,
        num_tasks: int,
        tau: float = 5.0,
        warm_up: int = 100,
        window: int = 200,
        held_out: float = 0.1,
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, normalise)
        check_number("tau", tau, least=0)
        check_number("warm_up", warm_up, whole=True, least=2)
        check_number("window", window, whole=True, least=2)
        check_number("held_out", held_out, above=0, below=1)
        self.tau, self.warm_up, self.window, self.held_out = tau, warm_up, window, held_out
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("first", torch.full((num_tasks,), torch.nan))  # F(0)
        # Points (step, r) of each task and of the largest, the newest last; NaN: not there yet
        self.register_buffer("ratios", torch.full((num_tasks, 2, window), torch.nan))
        self.register_buffer("largest", torch.full((1, 2, window), torch.nan))
        self.register_buffer("slopes", torch.full((num_tasks, window), torch.nan))
        self.slowest = Series()
        self._parts: list[Tensor] = []  # of the held-out losses of the step under way

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        slopes = self.slopes[tasks]
        now = slopes[:, -1].nan_to_num(0.0)
        relative = torch.softmax(len(tasks) * ratio(now, now.abs().sum()), 0)
        sizes = slopes.abs().nansum(1) / (~slopes.isnan()).sum(1).clamp(min=1)  # mean |a_i(s)|
        absolute = torch.softmax(-ratio(now, sizes), 0)
        d = self._divergence_factor()
        return (d * relative + (1 - d) * absolute).to(losses) @ losses

    def _divergence_factor(self) -> Tensor:
        """D, ``[]``; 1 during the warm-up."""
        slopes = self.slowest.values
        if len(slopes) == 0:
            return slopes.new_ones(())
        found = len(slopes) * torch.softmax(-self.tau * ratio(slopes, slopes.abs().mean()), 0)[-1]
        return found.clamp(max=1.0)

    @override
    def on_held_out_losses(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        step: Step = WHOLE_STEP,
    ) -> None:
        self._check_numbers(losses, private)
        with torch.no_grad():
            self._parts.append(torch.stack([loss.detach() for loss in losses]).to(self.first) / step.batches)
            if not step.last:
                return
            found, self._parts = mean_over_processes(torch.stack(self._parts).sum(0)), []
            present = step.present(self.num_tasks)
            if present and bool(found[present].isfinite().all()):
                self._remember(found[present], torch.tensor(present, device=found.device))

    def _remember(self, losses: Tensor, tasks: Tensor) -> None:
        """One more point of some tasks, ``[M]`` each, and after the warm-up one more slope."""
        self.steps += 1
        first = self.first[tasks]
        first = self.first[tasks] = torch.where(first.isnan(), losses, first)
        ratios = torch.where(first > 0, losses / first, torch.ones_like(losses))
        self.ratios[tasks] = self._with_point(self.ratios[tasks], ratios)
        self.largest.copy_(self._with_point(self.largest, ratios.max()[None]))
        if self.steps >= self.warm_up:
            moved = torch.cat([self.slopes[tasks][:, 1:], slopes_of(self.ratios[tasks])[:, None]], 1)
            self.slopes[tasks] = moved
            self.slowest.append(slopes_of(self.largest)[0])

    def _with_point(self, points: Tensor, values: Tensor) -> Tensor:
        """Points ``[M, 2, N]`` without the oldest, and with new values ``[M]`` of this step."""
        new = torch.stack([self.steps.expand_as(values), values], 1)
        return torch.cat([points[:, :, 1:], new[:, :, None]], 2)


def ratio(values: Tensor, size: Tensor) -> Tensor:
    """Numbers divided by a size; 0 where that is 0."""
    return torch.where(size > 0, values / size, torch.zeros_like(values))


def slopes_of(points: Tensor) -> Tensor:
    """Slopes ``[M]`` of lines of least squares through points ``(x, y)``, ``[M, 2, N]``; those of NaN are not there."""
    centred = points - points.nanmean(2, keepdim=True)
    x, y = centred.nan_to_num(0.0).unbind(1)
    return ratio((x * y).sum(1), x.square().sum(1))
