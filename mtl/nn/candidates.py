"""Encoder for a set of candidates with a context, such as the operations a dispatcher may start next."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from mtl.nn.activation import activation as make_activation
from mtl.nn.encoder import Encoder, Inputs, InputShape, check_attention, dropout_of, floating, wrong_inputs
from mtl.nn.pooling import masked_max, masked_mean
from mtl.nn.short_sets import apply_by_length, apply_to_sorted, rows_by_length
from mtl.nn.stacked import StackedLayerNorm, StackedLinear


class SetBlock(nn.Module):
    """Attention over the candidates, then a feed-forward layer, each with layer norm before and a residual around it.

    ``[B, J, H] -> [B, J, H]``; a padded candidate is never attended to. Pre-norm Transformer block (Vaswani et al.,
    "Attention Is All You Need", NeurIPS 2017, https://arxiv.org/abs/1706.03762; norm placed as in Xiong et al., ICML
    2020), without positions: the candidates are a set, so permuting them permutes the output.

    Deviation: written with plain matrix products instead of torch's fused attention; the sets are small, so nothing is
    lost, and leading axes pass through (:mod:`mtl.nn.replicas`).

    Short sets are computed by themselves (:mod:`mtl.nn.short_sets`), where rows come sorted by length in the parts that
    ``sorted_parts`` names.
    """

    def __init__(self, width: int, heads: int, activation: str, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.sorted_parts: Sequence[tuple[int, int]] = ()
        self.attention_norm = StackedLayerNorm(width)
        self.query_key_value = StackedLinear(width, 3 * width)
        self.project = StackedLinear(width, width)
        self.feed_forward = nn.Sequential(
            StackedLayerNorm(width),
            StackedLinear(width, 2 * width),
            make_activation(activation),
            StackedLinear(2 * width, width),
        )
        self.dropout = dropout_of(dropout)

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The stage's output, ``[B, J, H]``."""
        mask = inputs["mask"]
        if self.sorted_parts:
            return apply_to_sorted(self.transform, hidden, mask, self.sorted_parts)
        parts = rows_by_length(mask)
        return apply_by_length(self.transform, hidden, mask, parts) if parts else self.transform(hidden, mask)

    def transform(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Sets ``[B, J, H]`` with their mask ``[B, J]`` to ``[B, J, H]``."""
        mask = mask[..., None, None, :]  # [B, 1, 1, J]
        projected = self.query_key_value(self.attention_norm(hidden))  # [B, J, 3 * width]
        parts = projected.unflatten(-1, (3, self.heads, -1)).transpose(-4, -2)  # [B, heads, 3, J, d]
        query, key, value = parts.unbind(-3)  # each [B, heads, J, d]
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5  # [B, heads, J, J]
        attention = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
        mixed = (attention @ value).transpose(-3, -2).flatten(-2)  # [B, J, width]
        hidden = hidden + self.dropout(self.project(mixed))
        out: Tensor = hidden + self.dropout(self.feed_forward(hidden))
        return out


class CandidateSet(Encoder):
    """Encodes each candidate in the light of the others and of the context.

    Inputs: ``candidates [B, J, F]``, ``mask [B, J]`` (True = a real candidate), ``context [B, C]``.
    Representation: ``[B, J, D]`` with ``D = width``; heads that need one vector per sample pool it over the mask.

    Args:
        input_shape: ``{"candidates": (None, F), "mask": (None,), "context": (C,)}``; anything else is an InputError.
        width: features of every stage, a multiple of ``heads``.
        depth: number of :class:`SetBlock` stages.
        heads: attention heads.
        activation: activation of the feed-forward layers.
        dropout: share of features set to zero in training.
    """

    stackable = True

    def __init__(
        self,
        input_shape: InputShape,
        width: int = 128,
        depth: int = 1,
        heads: int = 4,
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not {"candidates", "mask", "context"} <= set(input_shape):
            raise wrong_inputs("candidate_set", "candidates, mask and context", input_shape)
        check_attention(width, heads, depth)
        features, context = input_shape["candidates"][-1], input_shape["context"][-1]
        assert features is not None
        assert context is not None
        self.summary_features = 2 * features + context
        self.widths = (width,) * depth
        self.embed = nn.Sequential(StackedLinear(features + context, width), make_activation(activation))
        self.stages = nn.ModuleList(SetBlock(width, heads, activation, dropout) for _ in range(depth))

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        candidates, context = floating(inputs["candidates"]), floating(inputs["context"])
        expanded = context.unsqueeze(-2).expand(*candidates.shape[:-1], -1)  # [B, J, C]
        out: Tensor = self.embed(torch.cat([candidates, expanded], -1))
        return out

    @override
    def summary(self, inputs: Inputs) -> Tensor:
        candidates, context, mask = floating(inputs["candidates"]), floating(inputs["context"]), inputs["mask"]
        return torch.cat([masked_mean(candidates, mask), masked_max(candidates, mask), context], -1)
