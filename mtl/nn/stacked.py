"""Layers that also run with stacked parameters: one more leading axis E on parameters and outputs.

With parameters of their usual shape they are torch's own layers. With stacked ones they compute E layers as one batched
product, which costs no more than the products themselves; ``torch.vmap`` over torch's layers costs a third more on a
CPU.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class StackedLinear(nn.Linear):
    """``nn.Linear``; with weights ``[E, out, in]`` E of them: ``[E, ..., in] -> [E, ..., out]``."""

    def forward(self, input: Tensor) -> Tensor:
        """Features ``in`` to ``out`` along the last axis."""
        if self.weight.dim() == 2:
            return functional.linear(input, self.weight, self.bias)
        flat = input.flatten(1, -2) if input.dim() > 3 else input  # [E, N, in]
        out = torch.baddbmm(self.bias.unsqueeze(1), flat, self.weight.transpose(1, 2))
        return out.view(*input.shape[:-1], -1)


class StackedLayerNorm(nn.LayerNorm):
    """``nn.LayerNorm`` over the last axis; with weights ``[E, D]`` E of them: ``[E, ..., D] -> [E, ..., D]``."""

    def __init__(self, features: int) -> None:
        super().__init__(features)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise along the last axis."""
        if self.weight.dim() == 1:
            return super().forward(input)
        shape = (len(self.weight), *[1] * (input.dim() - 2), -1)
        return torch.addcmul(
            self.bias.view(shape), functional.layer_norm(input, self.normalized_shape), self.weight.view(shape)
        )


def mix_experts(gates: Tensor, outputs: Tensor) -> Tensor:
    """Experts weighted by each row's gates: ``gates [K, B, E]``, ``outputs [E, B, ..., D]`` to ``[K, B, ..., D]``."""
    flat = outputs.flatten(2)  # [E, B, M]
    mixed = torch.bmm(gates.transpose(0, 1), flat.transpose(0, 1)).transpose(0, 1)
    return mixed.reshape(len(gates), *outputs.shape[1:])
