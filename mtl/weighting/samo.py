"""Any weighting, of gradients taken where the losses are higher near by: minima that are flat for every task."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.distributed import mean_over_processes
from mtl.errors import InputError
from mtl.weighting.base import WHOLE_STEP, Call, Losses, Step, Weighting, check_number
from mtl.weighting.nearby import Recompute, StepSum, Vectors, gradients, recompute_of, shifted
from mtl.weighting.state.draws import Draws


class SAMO(Weighting):
    """Sharpness-aware multi-task optimization: an inner weighting gets ``grad L_i (theta + e_i)``.

    Source: Ban, Subramani, Ji, "SAMO: A Lightweight Sharpness-Aware Approach for Multi-Task Optimization with Joint
    Global-Local Perturbation", ICCV 2025, https://arxiv.org/abs/2507.07883.

    ``e_i = rho g_i / |g_i|`` over the shared parameters, ``g_i = (1 - beta) g + beta |g| l_i / |l_i|``: g is the
    gradient of the mean loss, ``l_i = z (L_i(theta + distance z) - L_i(theta - distance z)) / (2 distance)`` an
    estimate of task i's own with normal numbers z, from two forward passes; in the second term lengths are those of
    each parameter by itself. A task's private parameters move by rho along their gradient of the mean loss. With
    ``beta = 0`` every task's shared parameters move alike, as by SAM of the mean loss.

    The losses that the inner weighting sees are those at ``theta + e_i``. Its ``at`` and ``normalise`` hold as
    everywhere, but ``at=representation`` compares gradients of all shared parameters: no representation is common to
    the tasks here.

    Needs ``recompute`` of :class:`~mtl.weighting.base.Step`: the losses of the step's batches, once more at the
    parameters as they are. Running statistics are not touched by that, dropout is drawn anew. Costs 3 K forward passes
    and K backward passes beside those of the mean loss, and K + 3 numbers per parameter.

    Args:
        num_tasks: K.
        inner: makes the inner weighting for K tasks.
        rho: length of ``e_i``, above 0.
        beta: share of the task's own estimate, 0 to 1.
        distance: of the two points that it is estimated from, relative to z, above 0.
    """

    needs_nearby_losses = True

    def __init__(
        self,
        num_tasks: int,
        inner: Callable[[int], Weighting],
        rho: float = 0.001,
        beta: float = 0.5,
        distance: float = 0.01,
    ) -> None:
        super().__init__(num_tasks)
        check_number("rho", rho, above=0)
        check_number("beta", beta, least=0, most=1)
        check_number("distance", distance, above=0)
        self.rho, self.beta, self.distance = rho, beta, distance
        with _of_inner():
            self.inner = inner(num_tasks)
        if self.inner.needs_nearby_losses:
            raise InputError("weighting.inner: expected a weighting that does not itself look at losses near by")
        for part in self.inner.modules():
            if isinstance(part, Draws):
                part.set_apart()
        self.draws = Draws()
        self.needs_shared = self.inner.needs_shared
        self.needs_recomputed_losses = self.inner.needs_recomputed_losses
        self.needs_initial_losses = self.inner.needs_initial_losses
        self.held_out = self.inner.held_out
        self.low_weight_advice = self.inner.low_weight_advice
        self._mean_gradient = StepSum()  # shared parameters first

    @property
    @override
    def gramian(self) -> Tensor | None:
        return self.inner.gramian

    @property
    @override
    def gramian_tasks(self) -> tuple[int, ...]:
        return self.inner.gramian_tasks

    @override
    def bind(self, names: Sequence[str]) -> None:
        with _of_inner():
            self.inner.bind(names)
        super().bind(names)

    @override
    def serve(self, tasks: Sequence[int]) -> None:
        self.inner.serve(tasks)

    @override
    def on_initial_losses(self, losses: Tensor) -> None:
        self.inner.on_initial_losses(losses)

    @override
    def on_epoch_end(self, losses: Tensor) -> None:
        self.inner.on_epoch_end(losses)

    @override
    def after_step(self, recompute: Callable[[], Tensor]) -> None:
        self.inner.after_step(recompute)

    @override
    def on_held_out_losses(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        step: Step = WHOLE_STEP,
    ) -> None:
        self.inner.on_held_out_losses(losses, shared, private, step)

    @override
    def _update(self, call: Call) -> Tensor | None:
        if not call.trains:  # a step of tasks that are frozen
            return torch.zeros(len(call.tasks), device=call.losses[0].device)
        recompute = recompute_of(call, "SAMO", self.num_tasks)
        mean = torch.stack(call.losses).mean()
        average = self._mean_gradient.add(gradients(mean, call.parameters, call.step.scale), call)
        if average is None:
            return None
        generator = self.draws.generator()
        surrogates = []
        for place, index in enumerate(call.tasks):
            local = self._estimate(call.shared, index, recompute, generator)
            own = self._private_part(call, average, place)
            moves = [*self._shared_move(average[: len(call.shared)], local), *along(own, self.rho)]
            moved = [*call.shared, *call.private[place]]
            with shifted(moved, moves):
                value, slopes = value_and_gradients(index, recompute, moved, call.step.scale)
            # A function of the parameters with this value and this gradient, for the inner weighting to differentiate
            products = [((p - p.detach()) * slope).sum() for p, slope in zip(moved, slopes, strict=True)]
            surrogates.append(torch.stack(products).sum() + value)
        return self._weigh(call, surrogates)

    def _weigh(self, call: Call, surrogates: list[Tensor]) -> Tensor:
        """Let the inner weighting write the update; its weights ``[M]``."""
        losses = [call.losses[0].detach().new_zeros(()) for _ in range(self.num_tasks)]
        private: list[list[Parameter]] = [[] for _ in range(self.num_tasks)]
        for place, index in enumerate(call.tasks):
            losses[index], private[index] = surrogates[place], call.private[place]
        step = Step(tuple(call.tasks), scale=call.step.scale)
        return self.inner.backward(losses, call.shared, private, call.layer, step)[call.tasks]

    def _estimate(
        self,
        shared: list[Parameter],
        index: int,
        recompute: Recompute,
        generator: torch.Generator,
    ) -> Vectors:
        """``l_i``, from two forward passes."""
        z = [torch.randn(p.shape, generator=generator).to(p) for p in shared]
        values = []
        for sign in (1.0, -1.0):
            with torch.no_grad(), shifted(shared, [sign * self.distance * one for one in z]):
                batches = [losses[index] for losses in recompute()]
                values.append(mean_over_processes(torch.stack(batches).mean()))
        rise = (values[0] - values[1]) / (2 * self.distance)
        return [rise * one for one in z]

    def _shared_move(self, average: Vectors, local: Vectors) -> Vectors:
        """``e_i`` of the shared parameters."""
        scaled = [length(g) * unit(one) for g, one in zip(average, local, strict=True)]
        return along([g.lerp(one, self.beta) for g, one in zip(average, scaled, strict=True)], self.rho)

    @staticmethod
    def _private_part(call: Call, average: Vectors, place: int) -> Vectors:
        """The gradient of the mean loss by the private parameters of one of the M tasks."""
        start = len(call.shared) + sum(map(len, call.private[:place]))
        return average[start : start + len(call.private[place])]


@contextmanager
def _of_inner() -> Iterator[None]:
    """Options in what is said of a mistake are those of the inner weighting: some have the name of one of SAMO."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace("weighting.", "weighting.inner.")) from error


def value_and_gradients(
    index: int, recompute: Recompute, parameters: Sequence[Parameter], scale: float
) -> tuple[Tensor, Vectors]:
    """The loss of one task over the step's batches, and its gradient, taken with a scaled loss."""
    values, total, batches = [], [torch.zeros_like(p) for p in parameters], 0
    with torch.enable_grad():
        for losses in recompute():
            batches += 1
            values.append(losses[index].detach())
            total = [a + b for a, b in zip(total, gradients(losses[index], parameters, scale), strict=True)]
    return torch.stack(values).mean(), [one / batches for one in total]


def length(vector: Tensor) -> Tensor:
    """Of all numbers of a tensor."""
    out: Tensor = torch.linalg.vector_norm(vector)
    return out


def unit(vector: Tensor) -> Tensor:
    """Of length 1; zeros where the length is 0 or not finite."""
    size = length(vector)
    return torch.where((size > 0) & size.isfinite(), vector / size, torch.zeros_like(vector))


def along(vectors: Vectors, size: float) -> Vectors:
    """Of this length together, in their direction; zeros where they have none."""
    if not vectors:
        return []
    total = length(torch.stack([length(one) for one in vectors]))
    factor = torch.where((total > 0) & total.isfinite(), size / total, torch.zeros_like(total))
    return [torch.where(factor > 0, factor * one, torch.zeros_like(one)) for one in vectors]
