"""Short sets computed without the padding that the longest one of a batch asks for.

A batch of sets is a rectangle, ``[B, J]``, as wide as its longest set. Where most sets are short, most of what a
network computes is padding.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

SHORT = 2  # members; of the states of generated job shops, three in four have so many candidates
FEWEST = 8  # one part of sorted rows is an eighth of them at least: smaller ones cost more calls than they save


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


def lengths_of(mask: Tensor) -> Tensor:
    """Of sets with a mask ``[N, J]`` the places up to the last member of each, ``[N]``."""
    return (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).amax(1)


def parts_of_sorted(lengths: Tensor, most: int) -> list[tuple[int, int]]:
    """Parts of rows that are sorted by length, the same for several batches.

    Args:
        lengths: of the sets, ``[R, B]``, each batch sorted by them.
        most: J, the members that the batches have place for.

    Returns:
        The row after the last of each part, and a width that holds the members of its rows in every batch.
    """
    rows = lengths.shape[1]
    parts: list[tuple[int, int]] = []
    first = 0
    for width in range(1, most):
        end = int((lengths <= width).sum(1).min())
        if min(end - first, rows - end) * FEWEST >= rows:
            parts.append((end, width))
            first = end
    return [*parts, (rows, most)]


def apply_to_sorted(
    function: Callable[[Tensor, Tensor], Tensor], values: Tensor, mask: Tensor, parts: Sequence[tuple[int, int]]
) -> Tensor:
    """A function of sets, applied to each part of rows that are sorted by length.

    Args:
        function: as of :func:`apply_by_length`.
        values: ``[..., B, J, D]``.
        mask: ``[..., B, J]``, True for a member.
        parts: as :func:`parts_of_sorted` found them.

    Returns:
        As of :func:`apply_by_length`.
    """
    results, first = [], 0
    for end, width in parts:
        part = function(values[..., first:end, :width, :], mask[..., first:end, :width])
        results.append(functional.pad(part, (0, 0, 0, mask.shape[-1] - width)))
        first = end
    return torch.cat(results, -3)
