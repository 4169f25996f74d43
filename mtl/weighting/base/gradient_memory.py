"""The task gradients of the optimizer step under way."""

from collections.abc import Sequence

from torch import Tensor
from torch.autograd.graph import GradientEdge

from mtl.errors import InputError
from mtl.gradients.frontier import Frontier
from mtl.gradients.precision import working_precision
from mtl.gradients.task_gradients import TaskGradients
from mtl.weighting.base.step import Step

UNLIKE_CALLS = (
    "the tasks and the parameters of an optimizer step are not the same in all its calls of backward: expected those "
    "of the first one, and step.last=True in the last one"
)


class GradientMemory:
    """Gathers the task gradients of an optimizer step, batch by batch, in memory that the next step uses again.

    It holds nothing between two steps that the next one needs, so a checkpoint does without it.
    """

    def __init__(self) -> None:
        self._gradients: TaskGradients | None = None
        self._begun = False

    def begin(
        self, watched: Sequence[Tensor], private: Sequence[Sequence[Tensor]], losses: Sequence[Tensor]
    ) -> TaskGradients:
        """Begin a step: with the memory of the last one, if that is for the same parameters.

        Args:
            watched: what the Jacobian is taken with respect to.
            private: for each of the M tasks its private parameters.
            losses: M scalars, which say the device and the precision.

        Returns:
            Gradients of which none is gathered yet.
        """
        gradients = self._gradients
        device, precision = losses[0].device, working_precision(losses)
        if gradients is None or not gradients.fits(watched, private, device, precision):
            gradients = self._gradients = TaskGradients(watched, private, device, precision)
        gradients.start(watched, private)
        return gradients

    def gather(
        self,
        losses: Sequence[Tensor],
        watched: Sequence[Tensor],
        private: Sequence[Sequence[Tensor]],
        step: Step,
        frontier: Frontier | None = None,
        edges: Sequence[GradientEdge] = (),
        *,
        retain_graph: bool = False,
    ) -> TaskGradients | None:
        """One backward pass per task over one batch of the step.

        Args:
            losses: M scalars.
            watched: what the Jacobian is taken with respect to.
            private: for each of the M tasks its private parameters.
            step: where this batch stands in the optimizer step.
            frontier: where the passes end, if they do not go through everything.
            edges: instead of a frontier: gradients are kept here, and the passes go on.
            retain_graph: the graph will be walked once more afterwards.

        Returns:
            The gradients of the whole step over all processes, or None before its last batch.

        Raises:
            InputError: other tasks or parameters than in the calls of the step before.
        """
        begun, gradients = self._begun, self._gradients
        if not begun or gradients is None:
            gradients = self.begin(watched, private, losses)
            self._begun = True
        elif not gradients.fits(watched, private, losses[0].device, working_precision(losses)):
            raise InputError(UNLIKE_CALLS)
        gradients.add(losses, step.scale, step.batches, frontier, edges, retain_graph=retain_graph)
        if not step.last:
            return None
        self._begun = False
        gradients.reduce()
        return gradients
