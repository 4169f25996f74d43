"""Short sets computed without the padding that the longest one of a batch asks for.

A batch of sets is a rectangle, ``[B, J]``, as wide as its longest set. Where most sets are short, most of what a
network computes is padding.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

SHORT = 2  # members; of the states of generated job shops, three in four have so many candidates


def rows_by_length(mask: Tensor) -> list[tuple[Tensor, int]]:
    """Rows of short sets and the others, each with the width that holds their members.

    Args:
        mask: ``[..., B, J]``, True for a member. Leading axes repeat one mask.

    Returns:
        Numbers of rows ``[N]`` and their width. None at all where nothing is saved; on an accelerator, which the host
        would have to wait for; and while the network is compiled, whose shapes are fixed.
    """
    one = mask.flatten(0, -3)[0] if mask.dim() > 2 else mask
    repeats = mask.dim() == 2 or mask.shape[0] == 1 or (mask.dim() == 3 and mask.stride(0) == 0)
    if not repeats or one.shape[1] <= SHORT or mask.device.type != "cpu" or torch.compiler.is_compiling():
        return []
    is_long = one[:, SHORT:].any(1)
    short, long = (~is_long).nonzero().squeeze(1), is_long.nonzero().squeeze(1)
    if not len(short):
        return []
    return [(rows, width) for rows, width in ((short, SHORT), (long, one.shape[1])) if len(rows)]


def apply_by_length(
    function: Callable[[Tensor, Tensor], Tensor], values: Tensor, mask: Tensor, parts: list[tuple[Tensor, int]]
) -> Tensor:
    """A function of sets, applied to rows of each width by themselves.

    Args:
        function: of values ``[..., N, W, D]`` and their mask ``[..., N, W]``, to values of such a shape. What it makes
            of one row may not depend on the others, nor on what is padding.
        values: ``[..., B, J, D]``.
        mask: ``[..., B, J]``, True for a member.
        parts: as :func:`rows_by_length` found them.

    Returns:
        ``[..., B, J, D]``, where padding is 0 beyond the width of a row.
    """
    results = []
    for rows, width in parts:
        part = function(values[..., :width, :].index_select(-3, rows), mask[..., :width].index_select(-2, rows))
        results.append(functional.pad(part, (0, 0, 0, mask.shape[-1] - width)))
    order = torch.cat([rows for rows, _ in parts])
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    return torch.cat(results, -3).index_select(-3, place)
