"""Dropout in several networks at once, each with the masks that it would draw by itself."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class DrawnMask(torch.autograd.Function):
    """Masks of several networks, ``[R, ...]``, for ``torch.func.vmap``, inside which nothing random may be drawn."""

    @staticmethod
    def forward(values: Tensor, keep: float, generators: Sequence[torch.Generator]) -> Tensor:
        """The mask of one network: 0 or ``1 / keep``."""
        return drawn_mask(values, keep, generators[0])

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Nothing is kept: no gradient goes through a mask."""
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, values: Tensor, keep: float, generators: Sequence[torch.Generator]
    ) -> tuple[Tensor, int]:
        """The mask of every network, drawn one after the other."""
        rows = values.movedim(in_dims[0], 0)
        masks = [drawn_mask(row, keep, generator) for row, generator in zip(rows, generators, strict=True)]
        return torch.stack(masks), 0


def drawn_mask(values: Tensor, keep: float, generator: torch.Generator) -> Tensor:
    """What ``torch.nn.functional.dropout`` multiplies ``values`` by, on a CPU."""
    return torch.empty_like(values).bernoulli_(keep, generator=generator).div_(keep)


class MembersDropout(nn.Module):
    """``nn.Dropout`` in a network that stands for several.

    Args:
        p: share of the numbers set to zero in training.
        generators: of the networks, a list that whoever made it may shorten.
    """

    def __init__(self, p: float, generators: list[torch.Generator]) -> None:
        super().__init__()
        self.p, self.generators = p, generators

    def forward(self, values: Tensor) -> Tensor:
        """The values with some set to zero and the others enlarged; in evaluation as they are."""
        if not self.training:
            return values
        mask: Tensor = DrawnMask.apply(values.detach(), 1 - self.p, self.generators)  # type: ignore[no-untyped-call]
        return values * mask


def with_members_dropout(network: nn.Module, generators: list[torch.Generator]) -> None:
    """Put :class:`MembersDropout` in place of every ``nn.Dropout`` that drops anything.

    Args:
        network: is changed.
        generators: see there.
    """
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout and child.p > 0:
                setattr(module, name, MembersDropout(child.p, generators))
