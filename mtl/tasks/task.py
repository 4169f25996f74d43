"""A task: one objective with its head, loss and metrics; and the relations between tasks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from keyword import iskeyword

import torch
from torch import Tensor
from torchmetrics import Metric

from mtl.config.factories import REFUSALS, one_line
from mtl.config.own_code import is_in_own_code
from mtl.config.run_result import LOSS
from mtl.errors import InputError, unknown
from mtl.nn.heads import Head

NO_LABEL = -100  # in integer targets; NaN in floating ones

HeadFactory = Callable[[int], Head]  # features of the representation (and messages) to a head
Loss = Callable[[Tensor, Tensor], Tensor]  # prediction, target to one loss per row, [B]


def labelled(target: Tensor) -> Tensor:
    """Which rows carry a label, ``[B]`` bool.

    A row is unlabelled when all its entries are NaN (floating) or -100 (integer). A byte holds no -100, which torch
    would compare as 156.
    """
    missing = target.isnan() if target.is_floating_point() else target.eq(NO_LABEL) & (target.dtype != torch.uint8)
    return ~missing.flatten(1).all(1) if target.dim() > 1 else ~missing


def mean_of_members(predictions: Tensor) -> Tensor:
    """The mean over the members of an ensemble, ``[B, M, ...] -> [B, ...]``."""
    return predictions.mean(1)


@dataclass(frozen=True)
class Task:
    """One objective.

    Attributes:
        name: an identifier; it names the head, the columns of every table and the tags of the dashboard.
        head: builds the head from the number of features it will see.
        loss: prediction and target to one loss per row ``[B]``; unlabelled rows are dealt with outside
            (:meth:`losses`).
        decode: raw prediction to what a person reads (probabilities, values), and the metrics unless there are
            ``scores``.
        metrics: torchmetrics by name, which is not ``loss`` and has no slash; templates, cloned for each stage, updated
            with labelled rows only.
        primary: the metric that comparisons use; its ``higher_is_better`` gives the direction.
        depends_on: upstream tasks whose predictions this head also sees.
        kind: what its predictions are: binary, classes, ordinal, regression, count, quantiles, survival or choice;
            empty: none of these.
        scores: raw prediction to what the metrics read; None: what ``decode`` gives.
        encode: of a number, targets to the scale of raw predictions; None: they are on it, or ``kind`` is another.
        merge: raw predictions of the M members of an ensemble, ``[B, M, ...]``, to one, ``[B, ...]``; by default their
            mean.
        class_weights: what the loss of a row of each class is multiplied by, in ``loss``; None: 1 each.
        auxiliary: it is learned to help the others, and does not count itself: the key ``auxiliary`` says so.
    """

    name: str
    head: HeadFactory
    loss: Loss
    decode: Callable[[Tensor], Tensor]
    metrics: Mapping[str, Metric]
    primary: str
    depends_on: tuple[str, ...] = ()
    kind: str = ""
    scores: Callable[[Tensor], Tensor] | None = None
    encode: Callable[[Tensor], Tensor] | None = None
    merge: Callable[[Tensor], Tensor] = mean_of_members
    class_weights: tuple[float, ...] | None = None
    auxiliary: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or iskeyword(self.name):
            raise InputError(f"task name '{self.name}' must be an identifier (letters, digits, underscores)")
        given: Mapping[str, object] = self.metrics
        for metric, made in given.items():
            if not isinstance(made, Metric):
                kind = f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
                raise InputError(f"task '{self.name}': metric '{metric}' is {kind}, expected a torchmetrics.Metric")
            if metric == LOSS or "/" in metric:
                raise InputError(
                    f"task '{self.name}': metric '{metric}' needs another name, without a slash; "
                    f"'{LOSS}' is the task's mean loss"
                )
        if self.primary not in self.metrics:
            raise unknown(f"primary metric of task '{self.name}'", self.primary, self.metrics)
        if self.metrics[self.primary].higher_is_better is None:
            raise InputError(f"task '{self.name}': metric '{self.primary}' does not say whether higher is better")

    @property
    def higher_is_better(self) -> bool:
        """Direction of the primary metric."""
        return bool(self.metrics[self.primary].higher_is_better)

    def measured(self, prediction: Tensor) -> Tensor:
        """What the metrics read of a raw prediction. InputError where it is not of its rows."""
        read = (self.scores or self.decode)(prediction)
        if not isinstance(read, Tensor) or read.shape[:1] != prediction.shape[:1]:
            found = f"the shape {tuple(read.shape)}" if isinstance(read, Tensor) else f"a {type(read).__name__}"
            raise InputError(
                f"'{'scores' if self.scores else 'decode'}' of task '{self.name}' makes {found} of {len(prediction)} "
                "rows: expected a tensor with a row of each"
            )
        return read

    def losses(
        self, prediction: Tensor, target: Tensor, rows: Tensor | None = None, weights: Tensor | None = None
    ) -> Tensor:
        """Loss of each row, times its weight, 0 where it has no label.

        The loss is computed in single precision whatever the network ran in. Unlabelled targets are replaced before the
        loss sees them, so that no NaN can reach a gradient through a product with zero.

        Args:
            prediction: raw prediction ``[B, ...]``.
            target: ``[B, ...]``.
            rows: which rows carry a label, ``[B]`` bool (see :func:`labelled`); None: all of them.
            weights: of the rows, ``[B]``; None: 1 each.

        Returns:
            ``[B]``.

        Raises:
            InputError: ``loss`` gives something else than a number of each row, or numbers without a graph.
        """
        if weights is not None:
            return self.losses(prediction, target, rows) * weights
        if rows is None:
            return self._of_rows(prediction, target)
        shape = (-1, *[1] * (target.dim() - 1))
        safe = torch.where(rows.view(shape), target, torch.zeros_like(target))
        return self._of_rows(prediction, safe).masked_fill(~rows, 0.0)

    def _of_rows(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of each row. InputError where ``loss`` does not take what a head of one's own, or a network, gives.

        Also where the sum of the losses would not be that of the rows, or would teach nothing.
        """
        try:
            losses = self.loss(prediction.float(), target)
        except REFUSALS as error:
            # An own loss has more to say of it, and of a full memory there is nothing to say
            if is_in_own_code(error) or isinstance(error, MemoryError | torch.OutOfMemoryError):
                raise
            raise InputError(
                f"the loss of task '{self.name}' does not take predictions {tuple(prediction.shape)} with targets "
                f"{tuple(target.shape)}, {target.dtype}: {one_line(error)}"
            ) from error
        if not isinstance(losses, Tensor) or losses.shape != target.shape[:1]:
            found = f"has the shape {tuple(losses.shape)}" if isinstance(losses, Tensor) else f"is {losses!r:.40}"
            raise InputError(
                f"the loss of task '{self.name}' {found} for {len(target)} rows: expected one number of each row, [B], "
                "without a mean over them"
            )
        if prediction.requires_grad and torch.is_grad_enabled() and not losses.requires_grad:
            raise InputError(
                f"the loss of task '{self.name}' has no graph, so nothing would be learned of it: expected one that "
                "can be differentiated by the prediction"
            )
        return losses
