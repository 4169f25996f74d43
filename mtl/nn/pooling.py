"""From a set of vectors, or a picture of them, to one vector."""

import torch
from torch import Tensor

from mtl.nn.encoder import Inputs


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the members of a set; no member gives 0.

    Args:
        values: ``[B, J, D]``.
        mask: ``[B, J]``, True for a member.

    Returns:
        ``[B, D]``.
    """
    weights = mask.to(values.dtype).unsqueeze(-1)  # [B, J, 1]
    return (values * weights).sum(1) / weights.sum(1).clamp(min=1)


def masked_max(values: Tensor, mask: Tensor) -> Tensor:
    """Maximum over the members of a set: values ``[B, J, D]``, mask ``[B, J]`` to ``[B, D]``; no member gives 0."""
    lowest = torch.finfo(values.dtype).min
    peak = values.masked_fill(~mask.unsqueeze(-1), lowest).amax(1)
    return peak.masked_fill(~mask.any(1, keepdim=True), 0.0)


def pool(representation: Tensor, inputs: Inputs) -> Tensor:
    """One vector per sample, ``[B, D]``.

    ``[B, D]`` stays as it is; of ``[B, J, D]``, or of pictures ``[B, H, W, D]``, it is the mean over the members that
    ``inputs["mask"]`` names, or over all if the inputs have no mask.
    """
    if representation.dim() == 2:
        return representation
    members = representation.flatten(1, -2)
    if "mask" not in inputs:
        return members.mean(1)
    return masked_mean(members, inputs["mask"].flatten(1))
