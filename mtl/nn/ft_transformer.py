"""Tables: attention among the columns of a row."""

import math

import torch
from torch import Tensor, nn
from torch.nn import Parameter, functional
from typing_extensions import override

from mtl.config.numbers import is_number
from mtl.errors import InputError
from mtl.nn.encoder import Inputs, InputShape, check_attention, dropout_of
from mtl.nn.tabular import TableEncoder


class ColumnBlock(nn.Module):
    """Attention among the tokens of a row, then a feed-forward layer, with a residual around each.

    ``[B, T, H] -> [B, T, H]``: ``t + attention(norm(t))``, then ``t + (relu(u) * v) W`` with ``u, v`` the halves of a
    linear layer of ``norm(t)``. The last block computes its first token only, ``[B, T, H] -> [B, H]``, and ends with
    ``relu(norm(t))``.

    Args:
        width: H.
        heads: of attention.
        hidden: features of u and v.
        attention_dropout: share of attention weights set to zero in training.
        dropout: share of the feed-forward layer's inner features set to zero in training.
        first: the block is the first one, which has no norm before attention.
        last: the block is the last one.
    """

    def __init__(
        self, width: int, heads: int, hidden: int, attention_dropout: float, dropout: float, first: bool, last: bool
    ) -> None:
        super().__init__()
        self.heads, self.last = heads, last
        self.attention_norm = nn.Identity() if first else nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)
        self.attention_dropout = dropout_of(attention_dropout, "encoder.attention_dropout")
        self.norm = nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)
        self.dropout = dropout_of(dropout)
        self.end_norm = nn.LayerNorm(width) if last else nn.Identity()

    def forward(self, tokens: Tensor, inputs: Inputs) -> Tensor:
        """The stage's output; it does not look at the inputs."""
        normed = self.attention_norm(tokens)
        asking, tokens = (normed[:, :1], tokens[:, :1]) if self.last else (normed, tokens)
        query = self.query(asking).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, T, d]
        pairs = self.key_value(normed).unflatten(-1, (2, self.heads, -1))  # [B, T, 2, heads, d]
        key, value = pairs.permute(2, 0, 3, 1, 4).unbind(0)
        attention = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
        mixed = self.attention_dropout(attention) @ value
        tokens = tokens + self.project(mixed.transpose(1, 2).flatten(2))
        gate, features = self.widen(self.norm(tokens)).chunk(2, -1)
        tokens = tokens + self.narrow(self.dropout(functional.relu(gate) * features))
        return functional.relu(self.end_norm(tokens[:, 0])) if self.last else tokens


class FTTransformer(TableEncoder):
    """A transformer over the columns of a row, each of which is a token; each block is a stage.

    Source: Gorishniy, Rubachev, Khrulkov, Babenko, "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021,
    https://arxiv.org/abs/2106.11959.

    A number x of column f becomes the token ``x w_f + b_f``, a category the vector of its value plus ``b_f``. A learned
    token before them attends to all of them, block by block, and is the representation at the end. Norms stand before
    attention and feed-forward layer, but not before the first attention; dropout is in attention and feed-forward
    layer, not on the residuals.

    Deviations: a missing number, which the paper does not have, is the token ``m_f + b_f`` with a vector m of its own.
    The width is 64, where the paper has 192, so that it is quick without an accelerator. Weight decay, which the paper
    keeps off tokens, norms and biases, is that of the run's optimizer for all.

    Args:
        input_shape: ``{"numbers": (F,), "categories": (C,)}``, of which only one must be there, ``x`` standing for
            ``numbers``; anything else is an InputError.
        width: features of every token, a multiple of ``heads``.
        depth: number of blocks.
        heads: attention heads.
        hidden: features of the feed-forward layer, relative to the width.
        values: vectors of each category column.
        attention_dropout: share of attention weights set to zero in training.
        dropout: share of the feed-forward layer's inner features set to zero in training.

    Raises:
        InputError: other inputs, sizes below 1, or a width that the heads do not divide.
    """

    def __init__(
        self,
        input_shape: InputShape,
        width: int = 64,
        depth: int = 3,
        heads: int = 8,
        hidden: float = 4 / 3,
        values: int = 64,
        attention_dropout: float = 0.2,
        dropout: float = 0.1,
    ) -> None:
        check_attention(width, heads, depth)
        super().__init__("ft_transformer", input_shape, width, values)
        inner = int(width * hidden) if is_number(hidden) else 0
        if inner < 1:
            raise InputError(f"encoder.hidden={hidden}: expected a factor of the width, such as 1.33")
        self.widths = (width,) * depth
        bound = 1 / math.sqrt(width)
        numbers, columns = self.number_columns, self.number_columns + self.category_columns
        for table in self.embeddings.children():
            assert isinstance(table, nn.Embedding)
            nn.init.uniform_(table.weight, -bound, bound)
        # Of missing numbers behind those of numbers
        self.slopes = Parameter(torch.empty(2 * numbers, width).uniform_(-bound, bound)) if numbers else None
        self.offsets = Parameter(torch.empty(columns, width).uniform_(-bound, bound))
        self.start = Parameter(torch.empty(1, width).uniform_(-bound, bound))
        self.stages = nn.ModuleList(
            ColumnBlock(width, heads, inner, attention_dropout, dropout, i == 0, i == depth - 1) for i in range(depth)
        )

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        tokens = [vectors.unsqueeze(1) for vectors in self._vectors(inputs)]
        if self.slopes is not None:
            both = torch.stack(self._numbers(inputs), 1).unsqueeze(-1)  # [B, 2, F, 1]
            tokens = [(both * self.slopes.view(2, -1, self.out_features)).sum(1), *tokens]
        found = torch.cat(tokens, 1) + self.offsets
        return torch.cat([self.start.expand(found.shape[0], 1, -1), found], 1)
