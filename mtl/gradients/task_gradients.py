"""The gradients of several tasks one by one.

K tasks, P numbers in the shared parameters. The Jacobian ``J [K, P]`` holds one task's gradient per row. Everything a
process computes is a share of a mean over processes, which :func:`~mtl.distributed.mean_over_processes` takes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from mtl.distributed import mean_over_processes, processes
from mtl.gradients.blocks import check_memory
from mtl.gradients.flat import views
from mtl.gradients.frontier import Frontier
from mtl.gradients.gramian import gramian_of
from mtl.gradients.precision import at_least_single


class TaskGradients:
    """The gradients of M tasks one by one, gathered over the batches of an optimizer step and then over the processes.

    Args:
        shared: what the Jacobian is taken with respect to.
        private: for each of the M tasks its private parameters.
        device: where the losses live.
        precision: of the gradients kept.

    Raises:
        InputError: the Jacobian is larger than the memory.

    Attributes:
        jacobian: ``[M, P]``, a task's gradient with respect to ``shared`` in each row.
        private: for each task the flat gradient with respect to its private parameters.
        losses: ``[M]``, the losses of the step.
        gramian: ``[M, M]``, of the gradients with respect to the edges of the frontier; None where there is no edge.
        rows: for each edge ``[M, ...]``, those gradients in the last batch, of this process, as shares of the step. In
            the precision of the graph there, but not in float16: unscaled gradients would vanish in it.
    """

    losses: Tensor
    gramian: Tensor | None

    def __init__(
        self,
        shared: Sequence[Tensor],
        private: Sequence[Sequence[Tensor]],
        device: torch.device,
        precision: torch.dtype = torch.float32,
    ) -> None:
        tasks = len(private)
        self._made_for = _identity(shared, private, device, precision)
        numbers = sum(p.numel() for p in shared)
        check_memory(tasks, numbers, device, precision)
        self.jacobian = torch.empty(tasks, numbers, device=device, dtype=precision)
        self._one = torch.ones((), device=device)  # handed to autograd, whose own way to find that costs more
        sizes = [sum(p.numel() for p in parameters) for parameters in private]
        self._flat = torch.empty(sum(sizes), device=device, dtype=precision)
        self.private = torch.split(self._flat, sizes)
        self._private_views = [views(flat, parameters) for flat, parameters in zip(self.private, private, strict=True)]
        rows = zip(self.jacobian, self._private_views, strict=True)
        self._views = [[*views(row, shared), *private_views] for row, private_views in rows]
        self.rows: list[Tensor] = []
        self._precisions: list[torch.dtype] = []  # of the graph at each edge
        self.start(shared, private)

    def fits(
        self,
        shared: Sequence[Tensor],
        private: Sequence[Sequence[Tensor]],
        device: torch.device,
        precision: torch.dtype = torch.float32,
    ) -> bool:
        """Another step over these parameters can be gathered in the same memory."""
        return self._made_for == _identity(shared, private, device, precision)

    def start(self, shared: Sequence[Tensor], private: Sequence[Sequence[Tensor]]) -> None:
        """Forget what was gathered, and begin a step over these parameters.

        Memory is used again because asking the system for K x P numbers in every step costs more than filling them.
        """
        self._shared, self._private = shared, private
        self._empty = True
        self.gramian = None

    def add(
        self,
        losses: Sequence[Tensor],
        scale: float,
        batches: int,
        frontier: Frontier | None = None,
        edges: Sequence[GradientEdge] = (),
        *,
        retain_graph: bool,
    ) -> None:
        """One pass per task over one batch.

        Args:
            losses: M scalars.
            scale: the scaled losses are differentiated, so that gradients of half-precision activations do not vanish,
                and the result is unscaled.
            batches: the step's losses are the mean over so many calls.
            frontier: go no further than this, and gather the Gramian at its edges too.
            edges: instead of a frontier: rows are wanted here, and nothing ends.
            retain_graph: the graph will be walked once more afterwards.
        """
        factor = 1.0 / (scale * batches)
        start = self._one if scale == 1.0 else self._one * scale
        edges = edges if frontier is None else frontier.edges
        # One edge or parameter of a frontier may lie behind another edge: each is differentiated with the others held
        # fixed
        several = frontier is not None and len(edges) + len(frontier.parameters) > 1
        handles = [edge.node.register_prehook(_block_gradients) for edge in edges] if several else []
        while len(self.rows) < len(edges):
            self.rows.append(torch.empty(0))
            self._precisions.append(torch.float32)
        del self.rows[len(edges) :], self._precisions[len(edges) :]
        unreached: list[tuple[int, int]] = []
        for i, loss in enumerate(losses):
            wanted: list[Any] = [*self._shared, *self._private[i], *edges]
            parts: Sequence[Tensor | None] = [None] * len(wanted)
            if loss.requires_grad and wanted:
                retain = retain_graph or i < len(losses) - 1
                parts = torch.autograd.grad(loss, wanted, start, retain_graph=retain, allow_unused=True)
            places = self._views[i]
            _write_parts(places, parts[: len(places)], factor, replace=self._empty)
            for number, part in enumerate(parts[len(places) :]):
                if part is None:
                    unreached.append((number, i))
                else:
                    self._write_row(number, i, part, factor)
            part = None
            del parts  # the next pass finds their memory free, and still in cache
        for handle in handles:
            handle.remove()
        for number, i in unreached:
            self.rows[number][i : i + 1].zero_()  # nothing, where no task reaches the edge
        seen = torch.stack(list(losses)).detach().to(self.jacobian.dtype)
        seen = seen if batches == 1 else seen / batches
        self.losses = seen if self._empty else self.losses + seen
        if frontier is not None:
            for rows in self.rows:
                product = gramian_of(rows.reshape(len(rows), -1).to(self.jacobian.dtype))
                self.gramian = product if self.gramian is None else self.gramian + product
        self._empty = False

    def add_disjoint(self, losses: Sequence[Tensor], scale: float, edges: Sequence[GradientEdge]) -> list[Tensor]:
        """One pass for all M tasks, over the only batch of a step. The graph is kept.

        Args:
            losses: M scalars. No private parameter and no edge is reached by two of them.
            scale: see :meth:`add`.
            edges: one of each task.

        Returns:
            The tasks' gradients at the edges, in the precision of the gradients kept.
        """
        wanted: list[Any] = [*(p for parameters in self._private for p in parameters), *edges]
        start = self._one if scale == 1.0 else self._one * scale
        parts = torch.autograd.grad(list(losses), wanted, [start] * len(losses), retain_graph=True, allow_unused=True)
        places = [place for private_views in self._private_views for place in private_views]
        _write_parts(places, parts[: len(places)], 1.0 / scale, replace=True)
        self.losses = torch.stack(list(losses)).detach().to(self.jacobian.dtype)
        self._empty = False
        found = [part.to(self.jacobian.dtype) for part in parts[len(places) :]]
        return found if scale == 1.0 else [part / scale for part in found]

    def _write_row(self, number: int, task: int, part: Tensor, factor: float) -> None:
        """Write what one task's pass gave at one edge."""
        rows, self._precisions[number] = self.rows[number], part.dtype
        precision = self.jacobian.dtype if part.dtype == torch.float16 else part.dtype
        if rows.shape[1:] != part.shape or len(rows) != len(self._private) or rows.dtype != precision:
            rows = self.rows[number] = part.new_empty(len(self._private), *part.shape, dtype=precision)
        part = part.to(precision)
        if factor == 1.0:
            rows[task].copy_(part)
        else:
            torch.mul(part, factor, out=rows[task])

    def weighted_rows(self, factors: Tensor) -> list[Tensor]:
        """For each edge the sum of the rows times their factors ``[M]``, in the precision of the graph there."""
        return [
            torch.tensordot(factors.to(at_least_single(rows)), at_least_single(rows), 1).to(precision)
            for rows, precision in zip(self.rows, self._precisions, strict=True)
        ]

    def weighted_private(self, factors: Tensor) -> Sequence[Tensor]:
        """The gradients of all private parameters, task after task, times the factor ``[M]`` of their task."""
        parts = [part for parts in self._private_views for part in parts]
        repeated = [factor for factor, parts in zip(factors.unbind(), self._private_views, strict=True) for _ in parts]
        return torch._foreach_mul(parts, repeated) if parts else parts

    def reduce(self) -> None:
        """Take the mean over the processes. Rows stay those of this process."""
        if processes() == 1:
            return
        for values in (self.jacobian, self._flat, self.losses):
            mean_over_processes(values)
        if self.gramian is not None:
            # A process holds its rows of the joint representation: a block of columns, and 1 / processes of their
            # gradient
            mean_over_processes(self.gramian).div_(processes())


def _identity(
    shared: Sequence[Tensor], private: Sequence[Sequence[Tensor]], device: torch.device, precision: torch.dtype
) -> object:
    return device, precision, [id(p) for p in shared], [[id(p) for p in parameters] for parameters in private]


def _block_gradients(gradients: tuple[Tensor | None, ...]) -> tuple[None, ...]:
    """A hook that sends nothing on."""
    return tuple(None for _ in gradients)


def _write_parts(places: list[Tensor], parts: Sequence[Tensor | None], factor: float, *, replace: bool) -> None:
    """Write or add ``factor * part``; None is zero."""
    found = [part.to_dense() if part.is_sparse else part for part in parts if part is not None]
    filled = places
    if len(found) < len(places):
        if replace:
            for place, part in zip(places, parts, strict=True):
                if part is None:
                    place.zero_()
        filled = [place for place, part in zip(places, parts, strict=True) if part is not None]
    if not found:
        return
    if not replace:
        torch._foreach_add_(filled, found, alpha=factor)
        return
    torch._foreach_copy_(filled, found)
    if factor != 1.0:
        torch._foreach_mul_(filled, factor)
