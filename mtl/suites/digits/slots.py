"""Tasks with one answer per object: what stands in each slot of a scene, and where. Objects go from left to right."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric

from mtl.nn.encoder import Inputs
from mtl.nn.heads import Head, Perceptron
from mtl.nn.pooling import pooled
from mtl.tasks import NO_LABEL, Task


class SlotHead(Head):
    """``slots`` answers of ``width`` numbers each: ``[B, slots, width]``. The message is all of them."""

    def __init__(self, in_features: int, slots: int, width: int) -> None:
        super().__init__()
        self.slots = slots
        self.message_features = slots * width
        self.score = Perceptron(in_features, slots * width, 0)

    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        out: Tensor = self.score(pooled(representation, inputs)).unflatten(-1, (self.slots, -1))
        return out

    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        return prediction.flatten(1)


class SlotMean(Metric):
    """Mean over the slots that hold an object; higher is better."""

    higher_is_better = True
    full_state_update = False
    sum: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("sum", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")

    def compute(self) -> Tensor:
        """The mean; NaN before any object."""
        return self.sum / self.total


class SlotAccuracy(SlotMean):
    """Share of the objects whose class is the most probable: ``update(probabilities [B, S, C], target [B, S])``."""

    def update(self, probabilities: Tensor, target: Tensor) -> None:
        """Count one batch."""
        present = target != NO_LABEL
        self.sum += ((probabilities.argmax(-1) == target) & present).sum()
        self.total += present.sum()


class SlotIoU(SlotMean):
    """Mean intersection over union of the objects' boxes: ``update(boxes [B, S, 4], target [B, S, 4])``."""

    def update(self, boxes: Tensor, target: Tensor) -> None:
        """Count one batch."""
        present = ~target.isnan().any(-1)
        self.sum += iou(boxes[present], target[present]).sum()
        self.total += present.sum()


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes (centre x, centre y, width, height): ``[..., 4]`` twice to ``[...]``; two boxes
    without area give 0.
    """
    low = torch.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    high = torch.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    common = (high - low).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - common
    return torch.where(union > 0, common / union.clamp(min=1e-12), torch.zeros_like(union))


def slot_classes(name: str, slots: int, classes: int) -> Task:
    """The class of each object: target ``[B, slots]`` integer, -100 for an empty slot.

    Loss: mean cross-entropy over a row's objects. Primary metric: share of the objects that are named rightly.
    """
    return Task(
        name=name,
        head=partial(SlotHead, slots=slots, width=classes),
        loss=slot_cross_entropy,
        decode=partial(torch.softmax, dim=-1),
        metrics={"accuracy": SlotAccuracy()},
        primary="accuracy",
    )


def slot_boxes(name: str, slots: int) -> Task:
    """The box of each object: target ``[B, slots, 4]``, centre and size relative to the image, NaN for an empty slot.

    Loss: mean absolute error over a row's objects. Primary metric: mean intersection over union.
    """
    return Task(
        name=name,
        head=partial(SlotHead, slots=slots, width=4),
        loss=slot_distance,
        decode=torch.sigmoid,
        metrics={"iou": SlotIoU()},
        primary="iou",
    )


def slot_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """``[B, S, C]`` and ``[B, S]`` to ``[B]``."""
    losses = functional.cross_entropy(logits.transpose(1, 2), target, ignore_index=NO_LABEL, reduction="none")
    return losses.sum(-1) / (target != NO_LABEL).sum(-1).clamp(min=1)


def slot_distance(raw: Tensor, target: Tensor) -> Tensor:
    """``[B, S, 4]`` twice, the first before the sigmoid, to ``[B]``."""
    present = ~target.isnan().any(-1)
    distance = (raw.sigmoid() - target.nan_to_num()).abs().mean(-1)
    return distance.masked_fill(~present, 0.0).sum(-1) / present.sum(-1).clamp(min=1)
