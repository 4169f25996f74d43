"""Mean average precision of boxes, the measure of detectors."""

import torch
from torch import Tensor
from torchmetrics import Metric

THRESHOLDS = tuple(0.5 + 0.05 * i for i in range(10))
RECALLS = 101  # places at which precision is read off


class AveragePrecision(Metric):
    """Average precision of boxes of one kind, in [0, 1]; higher is better.

    Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, https://arxiv.org/abs/1405.0312, and its
    evaluation code. A box (centre x, centre y, width, height, and fifth how sure) is right if it overlaps an object of
    its scene that no surer box took, with an intersection over union of at least t; of several such objects it takes
    the one it overlaps most. With all boxes in the order of their sureness, precision is the share of right ones so
    far, made monotone from behind, and recall the share of the objects found so far. The metric is the mean of the
    precision at the recalls 0, 0.01, ..., 1 (0 where a recall is not reached) over t = 0.5, 0.55, ..., 0.95.

    An object that is NaN does not exist. A scene has few boxes, so none is left out (COCO looks at the 100 surest).

    torchmetrics' own metric gives the same number. It needs torchvision, which has to be built for the very torch that
    is installed, and where it is not, torchmetrics as a whole cannot be imported any more.
    """

    higher_is_better = True
    full_state_update = False
    sureness: list[Tensor]
    right: list[Tensor]
    objects: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("sureness", [], dist_reduce_fx="cat")
        self.add_state("right", [], dist_reduce_fx="cat")
        self.add_state("objects", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, boxes: Tensor, target: Tensor) -> None:
        """Add a batch: boxes ``[B, S, 5]`` and target ``[B, S, 4]``."""
        present = ~target.isnan().any(-1)
        overlap = iou(boxes[:, :, None, :4], target.nan_to_num()[:, None])  # [B, S boxes, S objects]
        overlap = overlap.masked_fill(~present[:, None], -1.0)
        sure, order = boxes[..., 4].sort(dim=1, descending=True, stable=True)
        overlap = overlap.gather(1, order[..., None].expand_as(overlap))
        self.sureness.append(sure.flatten())
        self.right.append(matched(overlap).flatten(0, 1))
        self.objects += present.sum()

    def compute(self) -> Tensor:
        """The mean over thresholds; NaN before any object."""
        if not self.objects:
            return torch.full((), torch.nan, device=self.objects.device)
        sureness, right = (torch.cat(part) if isinstance(part, list) else part for part in (self.sureness, self.right))
        right = right[sureness.argsort(descending=True, stable=True)].double()  # [N, T]
        found = right.cumsum(0)
        precision = found / torch.arange(1, len(right) + 1, device=right.device)[:, None]
        precision = precision.flip(0).cummax(0).values.flip(0)
        recall = (found / self.objects).T.contiguous()  # [T, N]
        recalls = torch.arange(RECALLS, dtype=torch.float64, device=right.device) / (RECALLS - 1)
        index = torch.searchsorted(recall, recalls.expand(len(recall), -1).contiguous())
        padded = torch.cat([precision.T, precision.new_zeros(len(recall), 1)], 1)
        return padded.gather(1, index).mean().float()


def matched(overlap: Tensor) -> Tensor:
    """Which boxes are right at each threshold: ``[B, S, O]``, the surest box first, to ``[B, S, T]`` bool."""
    bars = overlap.new_tensor(THRESHOLDS)
    free = torch.ones(overlap.shape[0], len(THRESHOLDS), overlap.shape[2], dtype=torch.bool, device=overlap.device)
    out = []
    for box in overlap.unbind(1):  # [B, O]
        best, taken = box[:, None].masked_fill(~free, -1.0).max(-1)  # [B, T]
        right = best >= bars
        free &= ~(torch.nn.functional.one_hot(taken, overlap.shape[2]).bool() & right[..., None])
        out.append(right)
    return torch.stack(out, 1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes (centre x, centre y, width, height): ``[..., 4]`` twice to ``[...]``.

    Two boxes without area give 0.
    """
    low = torch.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    high = torch.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    common = (high - low).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - common
    return torch.where(union > 0, common / union.clamp(min=1e-12), torch.zeros_like(union))
