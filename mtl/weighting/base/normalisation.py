"""Losses of unlike size, brought to one size in front of a method."""

import torch
from torch import Tensor, nn

from mtl.errors import unknown

NORMALISATIONS = ("none", "loss_scale", "gradient_norm")


class Normalisation(nn.Module):
    """The scales ``s_i`` that losses are divided by before a method sees them.

    Args:
        num_tasks: K.
        kind: ``none``: 1; ``loss_scale``: the first finite loss seen of task i; ``gradient_norm``: the norm of task i's
            gradient where the method looks at gradients, every step anew.
    """

    first_losses: Tensor

    def __init__(self, num_tasks: int, kind: str) -> None:
        super().__init__()
        if kind not in NORMALISATIONS:
            raise unknown("weighting.normalise", kind, NORMALISATIONS)
        self.kind = kind
        if kind == "loss_scale":
            self.register_buffer("first_losses", torch.full((num_tasks,), torch.nan))

    def scales(self, losses: Tensor, tasks: list[int], norms: Tensor | None = None) -> Tensor:
        """The scales of a step; remembers first losses.

        Args:
            losses: ``[M]``, of the whole step.
            tasks: indices of the M tasks.
            norms: ``[M]``, of their gradients in the whole step; None where they are not known.

        Returns:
            ``s [M]``; 1 for a task whose scale would be zero or not finite.
        """
        scales = torch.ones_like(losses)
        if self.kind == "none":
            return scales
        if self.kind == "loss_scale":
            known = self.first_losses[tasks]
            # One that is not finite says nothing of later ones
            first = torch.where(losses.isfinite(), losses.abs(), torch.nan)
            scales = self.first_losses[tasks] = torch.where(known.isnan(), first, known)
        elif norms is not None:
            scales = norms
        return torch.where((scales > 0) & scales.isfinite(), scales, torch.ones_like(scales))

    def known(self, tasks: list[int]) -> bool:
        """Whether the scales of these tasks are known before the losses of the whole step are."""
        return self.kind == "none" or (self.kind == "loss_scale" and not bool(self.first_losses[tasks].isnan().any()))
