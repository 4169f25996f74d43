"""Dropout in several networks at once, each with the masks that it would draw by itself."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class DrawnMask(torch.autograd.Function):
    """Masks of several networks, ``[R, ...]``, for ``torch.func.vmap``, inside which nothing random may be drawn."""

    @staticmethod
    def forward(values: Tensor, shares: Sequence[float], generators: Sequence[torch.Generator]) -> Tensor:
        """The mask of one network; see :func:`drawn_mask`."""
        return drawn_mask(values, shares[0], generators[0])

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Nothing is kept: no gradient goes through a mask."""
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, values: Tensor, shares: Sequence[float], generators: Sequence[torch.Generator]
    ) -> tuple[Tensor, int]:
        """The mask of every network, drawn one after the other."""
        rows = values.movedim(in_dims[0], 0)
        masks = [drawn_mask(*one) for one in zip(rows, shares, generators, strict=True)]
        return torch.stack(masks), 0


def drawn_mask(values: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """What ``torch.nn.functional.dropout`` multiplies ``values`` by, on a CPU.

    Args:
        values: of one network.
        share: of the numbers set to zero; where it is 0, nothing is drawn.
        generator: of the network.

    Returns:
        0 or ``1 / (1 - share)``, of the shape of the values.
    """
    if not share:
        return torch.ones_like(values)
    return torch.empty_like(values).bernoulli_(1 - share, generator=generator).div_(1 - share)


class MembersDropout(nn.Module):
    """``nn.Dropout`` in a network that stands for several.

    Each network's share is that of its own ``nn.Dropout`` in every step: a second cooldown of one of them sets it to 0
    while the others go on with theirs.

    Args:
        own: of each network the module that this one stands for.
        generators: of the networks, a list that whoever made it may shorten.
    """

    def __init__(self, own: Sequence[nn.Dropout], generators: list[torch.Generator]) -> None:
        super().__init__()
        self.own, self.generators = list(own), generators

    def keep(self, numbers: Sequence[int]) -> None:
        """Go on with the networks of these numbers."""
        self.own = [self.own[number] for number in numbers]

    def forward(self, values: Tensor) -> Tensor:
        """The values with some set to zero and the others enlarged; in evaluation as they are."""
        shares = [one.p for one in self.own]
        if not self.training or not any(shares):
            return values
        mask: Tensor = DrawnMask.apply(values.detach(), shares, self.generators)  # type: ignore[no-untyped-call]
        return values * mask


def with_members_dropout(
    network: nn.Module, networks: Sequence[nn.Module], generators: list[torch.Generator]
) -> list[MembersDropout]:
    """Put :class:`MembersDropout` in place of every ``nn.Dropout`` that drops anything.

    Args:
        network: a copy of the first of the networks; is changed.
        networks: those that it stands for.
        generators: see there.

    Returns:
        What was put in.
    """
    made = []
    for place, module in list(network.named_modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout and child.p > 0:
                path = f"{place}.{name}" if place else name
                found = MembersDropout([dropout_at(one, path) for one in networks], generators)
                setattr(module, name, found)
                made.append(found)
    return made


def dropout_at(network: nn.Module, path: str) -> nn.Dropout:
    """The dropout of a network at this place."""
    found = network.get_submodule(path)
    assert isinstance(found, nn.Dropout)
    return found
