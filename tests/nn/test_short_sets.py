"""Short sets computed by themselves are the same sets."""

import pytest
import torch
from torch import Tensor

from mtl.nn.candidates import SetBlock
from mtl.nn.short_sets import apply_to_sorted, lengths_of, parts_of_sorted, rows_by_length

LENGTHS = {
    "mixed": [1, 5, 2, 3, 2, 0, 5],
    "all short": [2, 1, 2],
    "all long": [4, 5, 3],
    "members anywhere": None,
}


def mask_of(lengths: list[int] | None) -> Tensor:
    if lengths is None:
        return torch.tensor([[0, 1, 0, 0, 0], [1, 0, 0, 0, 1], [0, 0, 0, 1, 0]], dtype=torch.bool)
    return torch.arange(5) < torch.tensor(lengths).unsqueeze(1)


@pytest.mark.parametrize("lead", [(), (3,)], ids=["one block", "stacked blocks"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_values_and_gradients_are_those_of_the_whole_batch(lengths: list[int] | None, lead: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    block = SetBlock(8, 2, "relu", 0.0)
    if lead:
        for name, p in list(block.named_parameters()):
            owner, _, attribute = name.rpartition(".")
            setattr(
                block.get_submodule(owner), attribute, torch.nn.Parameter(p.detach() + torch.randn(*lead, *p.shape))
            )
    mask = mask_of(lengths)
    full = mask.expand(*lead, *mask.shape)
    hidden = torch.randn(*lead, *mask.shape, 8, requires_grad=True)
    weight = torch.randn_like(hidden) * full.unsqueeze(-1)
    found = {}
    for by_length in (True, False):
        out = (block(hidden, {"mask": full}) if by_length else block.transform(hidden, full)) * full.unsqueeze(-1)
        found[by_length] = [out, *torch.autograd.grad((out * weight).sum(), [hidden, *block.parameters()])]
    for left, right in zip(found[True], found[False], strict=True):
        torch.testing.assert_close(left, right)


def test_rows_are_split_where_that_saves_something() -> None:
    mask = mask_of(LENGTHS["mixed"])
    short, long = rows_by_length(mask)
    assert (short[0].tolist(), short[1]) == ([0, 2, 4, 5], 2)
    assert (long[0].tolist(), long[1]) == ([1, 3, 6], 5)
    assert rows_by_length(mask[:, :2]) == []
    assert rows_by_length(mask_of([3, 4])) == []
    assert rows_by_length(torch.stack([mask, mask.roll(1, 0)])) == []  # of networks with batches of their own


def test_parts_of_sorted_rows_hold_the_sets_of_every_batch() -> None:
    lengths = torch.tensor([[1, 2, 2, 2, 2, 3, 3, 5], [2, 2, 2, 3, 3, 3, 3, 3]])
    parts = parts_of_sorted(lengths, 5)
    assert parts == [(3, 2), (7, 3), (8, 5)]
    torch.manual_seed(0)
    block = SetBlock(8, 2, "relu", 0.0)
    mask = torch.arange(5) < lengths[0].unsqueeze(1)
    hidden = torch.randn(8, 5, 8)
    whole, found = block.transform(hidden, mask), apply_to_sorted(block.transform, hidden, mask, parts)
    torch.testing.assert_close(found[mask], whole[mask])


def test_the_length_of_a_set_counts_the_places_up_to_its_last_member() -> None:
    assert lengths_of(mask_of(None)).tolist() == [2, 5, 4]
