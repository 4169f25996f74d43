"""Attention among few candidates, which is computed number by number, is attention."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mtl.nn.candidates import FEW, attend_few, attend_many


def reference(projected: Tensor, mask: Tensor) -> Tensor:
    query, key, value = projected.movedim(-3, 0).transpose(-3, -2)  # each [..., B, heads, J, d]
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[..., None, None, :])
    return attended.transpose(-3, -2).flatten(-2)


@pytest.mark.parametrize("stack", [(), (3,)], ids=["one network", "three at once"])
@pytest.mark.parametrize("attend", [attend_few, attend_many])
@pytest.mark.parametrize("members", [1, 2, FEW])
def test_attention_and_its_gradients_are_those_of_torch(
    attend: Callable[[Tensor, Tensor], Tensor], members: int, stack: tuple[int, ...]
) -> None:
    torch.manual_seed(members)
    mask = torch.rand(7, members) > 0.4
    mask[:, 0] = True
    ours = torch.randn(*stack, 7, members, 3, 2, 4, dtype=torch.double, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    found, expected = attend(ours, mask), reference(theirs, mask)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad)
