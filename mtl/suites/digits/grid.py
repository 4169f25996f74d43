"""Tasks with one answer for each cell of a grid over a picture: the class and the box of the object there.

The idea of Redmon et al., "You Only Look Once: Unified, Real-Time Object Detection", CVPR 2016,
https://arxiv.org/abs/1506.02640: the picture is a grid of ``side x side`` cells, and the cell that holds the middle of
an object answers for it. Deviations: one box a cell; absolute errors and cross-entropies instead of squares; no weights
between the parts of the loss.
"""

from abc import abstractmethod
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import Metric
from typing_extensions import override

from mtl.errors import InputError
from mtl.nn.encoder import Inputs
from mtl.nn.heads import Head
from mtl.suites.digits.precision import AveragePrecision, iou
from mtl.tasks import NO_LABEL, Task
from mtl.tasks.influence import ClosedForm, closed_form, measures_as, ratio_contributions


class GridHead(Head):
    """The same answer of ``width`` numbers in each of P cells: ``[B, P, D]`` to ``[B, P, width]``.

    The message is their mean.
    """

    def __init__(self, in_features: int, cells: int, width: int) -> None:
        super().__init__()
        self.cells, self.message_features = cells, width
        self.score = nn.Linear(in_features, width)

    @override
    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        if representation.dim() != 3 or representation.shape[1] != self.cells:
            raise InputError(
                f"this task answers in {self.cells} cells, and the encoder gives a representation of shape "
                f"{list(representation.shape[1:])}: choose encoder=convolution with encoder.average=false, and "
                "encoder.patch and encoder.widths that make as many positions"
            )
        out: Tensor = self.score(representation)
        return out

    @override
    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        return prediction.mean(1)


class ObjectMean(Metric):
    """Mean of a value over the objects of all rows; higher is better."""

    higher_is_better = True
    full_state_update = False
    sum: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("sum", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")

    @abstractmethod
    def sums(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The sum of the values of each row's objects, and how many they are: ``[B, 2]``."""

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add a batch of B rows."""
        values, objects = self.sums(prediction, target).sum(0)
        self.sum += values
        self.total += objects

    def compute(self) -> Tensor:
        """The mean; NaN before any object."""
        return self.sum / self.total


class ObjectAccuracy(ObjectMean):
    """Share of the objects whose class is the most probable: ``update(probabilities [B, P, C], target [B, P])``."""

    @override
    def sums(self, prediction: Tensor, target: Tensor) -> Tensor:
        present = target != NO_LABEL
        right = (prediction.argmax(-1) == target) & present
        return torch.stack([right.sum(1), present.sum(1)], 1).float()


class ObjectIoU(ObjectMean):
    """Mean intersection over union of the objects' boxes: ``update(boxes [B, P, 5], target [B, P, 4])``."""

    @override
    def sums(self, prediction: Tensor, target: Tensor) -> Tensor:
        present = ~target.isnan().any(-1)
        overlap = iou(prediction[..., :4], target.nan_to_num()).masked_fill(~present, 0.0)
        return torch.stack([overlap.sum(1), present.sum(1).float()], 1)


@closed_form.register
def of_object_mean(metric: ObjectMean) -> ClosedForm | None:
    """Of a ratio of sums over the rows."""
    if not measures_as(metric, ObjectMean):
        return None
    return ClosedForm(lambda p, t: metric.sums(p, t).double(), ratio_contributions, flat=False)


def grid_classes(name: str, side: int, classes: int) -> Task:
    """The class of each object: target ``[B, P]`` integer with P = side^2, -100 where no object has its middle.

    Loss: mean cross-entropy over a row's objects. Primary metric: share of the objects that are named rightly.
    """
    return Task(
        name=name,
        head=partial(GridHead, cells=side**2, width=classes),
        loss=grid_cross_entropy,
        decode=partial(torch.softmax, dim=-1),
        metrics={"accuracy": ObjectAccuracy()},
        primary="accuracy",
    )


def grid_boxes(name: str, side: int) -> Task:
    """The box of each object: target ``[B, P, 4]``, NaN where no object has its middle.

    A box is its centre and size, relative to the picture. The prediction ``[B, P, 5]`` says beside each box how
    probable it is that there is an object. Loss per object: absolute errors of the box, and the cross-entropies of all
    cells. Primary metric: mean intersection over union in the cells of the objects; beside it the average precision of
    the boxes of all cells.
    """
    return Task(
        name=name,
        head=partial(GridHead, cells=side**2, width=5),
        loss=partial(box_loss, side=side),
        decode=partial(decode_boxes, side=side),
        metrics={"iou": ObjectIoU(), "ap": AveragePrecision()},
        primary="iou",
    )


def grid_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """``[B, P, C]`` and ``[B, P]`` to ``[B]``."""
    losses = functional.cross_entropy(logits.transpose(1, 2), target, ignore_index=NO_LABEL, reduction="none")
    return losses.sum(-1) / (target != NO_LABEL).sum(-1).clamp(min=1)


def decode_boxes(raw: Tensor, side: int) -> Tensor:
    """Raw ``[B, P, 5]``, the centre relative to its cell, to boxes relative to the picture and their probability."""
    share = raw.sigmoid()
    index = torch.arange(side**2, device=raw.device)
    corner = torch.stack([index % side, index // side], -1)  # [P, 2]
    return torch.cat([(corner + share[..., :2]) / side, share[..., 2:]], -1)


def box_loss(raw: Tensor, target: Tensor, side: int) -> Tensor:
    """``[B, P, 5]`` and ``[B, P, 4]`` to ``[B]``."""
    present = ~target.isnan().any(-1)
    distance = (decode_boxes(raw, side)[..., :4] - target.nan_to_num()).abs().sum(-1).masked_fill(~present, 0.0)
    surprise = functional.binary_cross_entropy_with_logits(raw[..., 4], present.float(), reduction="none")
    return (distance + surprise).sum(-1) / present.sum(-1).clamp(min=1)
