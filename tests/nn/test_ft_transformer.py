"""Attention among the columns of a row."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, InputShape
from mtl.nn.ft_transformer import ColumnBlock, FTTransformer

TABLE: InputShape = {"numbers": (3,), "categories": (2,)}


@pytest.mark.parametrize(("first", "last"), [(True, False), (False, False), (False, True)])
def test_a_block_is_attention_as_torch_has_it_and_a_gated_layer(first: bool, last: bool) -> None:
    block = ColumnBlock(8, 2, 10, 0.0, 0.0, first, last)
    reference = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        assert reference.in_proj_weight is not None
        reference.in_proj_weight.copy_(torch.cat([block.query.weight, block.key_value.weight]))
        reference.in_proj_bias.copy_(torch.cat([block.query.bias, block.key_value.bias]))
    reference.out_proj = block.project  # type: ignore[assignment]
    tokens = torch.randn(4, 5, 8)
    normed = tokens if first else functional.layer_norm(tokens, [8])
    mixed = tokens + reference(normed, normed, normed, need_weights=False)[0]
    gate, features = block.widen(functional.layer_norm(mixed, [8])).split(10, -1)
    expected = mixed + block.narrow(gate.clamp(min=0) * features)
    if last:
        expected = functional.layer_norm(expected[:, 0], [8]).clamp(min=0)
    torch.testing.assert_close(block(tokens, {}), expected)


def test_tokens_are_of_columns() -> None:
    """A number along its column's slope, a category's vector, or the one of what is missing; behind a learned start."""
    encoder = FTTransformer(TABLE, width=8, heads=2, values=3)
    assert encoder.slopes is not None
    numbers = torch.tensor([[2.0, torch.nan, -1.0]])
    tokens = encoder.stem({"numbers": numbers, "categories": torch.tensor([[1, 9]])})[0]
    slopes, tables = encoder.slopes, [table.weight for table in encoder.embeddings.children()]
    rows = [2 * slopes[0], slopes[3 + 1], -slopes[2], tables[0][2], tables[1][0]]
    torch.testing.assert_close(tokens[0], encoder.start[0])
    torch.testing.assert_close(tokens[1:], torch.stack(rows) + encoder.offsets)


def test_nan_reaches_no_gradient() -> None:
    encoder = FTTransformer({SINGLE: (3,)}, width=8, heads=2)
    encoder({SINGLE: torch.full((2, 3), torch.nan)}).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_sizes_that_do_not_fit_are_refused() -> None:
    for options in ({"heads": 3}, {"depth": 0}, {"hidden": 0.01}):
        with pytest.raises(InputError, match="encoder"):
            FTTransformer(TABLE, **{"width": 8, "heads": 2, **options})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"encoder=ft_transformer reads numbers \(F,\) and categories \(C,\)"):
        FTTransformer({"tokens": (None,)})
