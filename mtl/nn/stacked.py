"""Layers that also run with stacked parameters: one more leading axis E on every parameter, one more on what they
compute.

With parameters of their usual shape they are torch's own layers. With stacked ones they compute E layers as one batched
product, which costs no more than the products themselves; ``torch.vmap`` over torch's layers costs a third more on a
CPU, half of it for gradients that come out transposed and are copied.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def _cast(*values: Tensor) -> tuple[Tensor, ...]:
    """The values in the precision of ``torch.autocast`` where it is on. It does not reach into hand-written backward
    passes, which need all their values in one precision.
    """
    device = values[0].device.type
    if not torch.is_autocast_enabled(device):
        return values
    return tuple(value.to(torch.get_autocast_dtype(device)) for value in values)


class _BatchedAffine(torch.autograd.Function):
    """``h W' + b`` for E layers at once: ``h [E, N, in], W [E, out, in], b [E, out]``, with the gradient of W laid out
    like W."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(hidden, weight)
        return torch.baddbmm(bias.unsqueeze(1), hidden, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        hidden, weight = ctx.saved_tensors
        into = torch.bmm(grad, weight) if ctx.needs_input_grad[0] else None
        return into, torch.bmm(grad.transpose(1, 2), hidden), grad.sum(1)


def _affine(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``h W' + b`` for E layers at once."""
    if torch.compiler.is_compiling():  # it lays gradients out by itself, and looks into no hand-written backward
        return torch.baddbmm(bias.unsqueeze(1), hidden, weight.transpose(1, 2))
    out: Tensor = _BatchedAffine.apply(*_cast(hidden, weight, bias))  # type: ignore[no-untyped-call]
    return out


class Linear(nn.Linear):
    """``nn.Linear``; with weights ``[E, out, in]`` E of them: ``[E, ..., in] -> [E, ..., out]``."""

    def forward(self, input: Tensor) -> Tensor:
        """Features ``in`` to ``out`` along the last axis."""
        if self.weight.dim() == 2:
            return functional.linear(input, self.weight, self.bias)
        flat = input.flatten(1, -2) if input.dim() > 3 else input  # [E, N, in]
        return _affine(flat, self.weight, self.bias).view(*input.shape[:-1], -1)


class LayerNorm(nn.LayerNorm):
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


class _Mix(torch.autograd.Function):
    """``sum_e g_kbe h_ebm``, whose gradient for h is laid out like h: what computed h differentiates faster for it."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, outputs: Tensor) -> Tensor:
        ctx.save_for_backward(gates, outputs)
        return torch.bmm(gates.transpose(0, 1), outputs.transpose(0, 1)).transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gates, outputs = ctx.saved_tensors
        into_gates = torch.bmm(grad.transpose(0, 1), outputs.permute(1, 2, 0)).transpose(0, 1)  # [K, B, E]
        factors = gates.transpose(1, 2).unsqueeze(-1)  # [K, E, B, 1]
        into_outputs = factors[0] * grad[0]
        for factor, rows in zip(
            factors[1:], grad[1:], strict=True
        ):  # B products of E x K with K x M take ten times as long
            into_outputs.addcmul_(factor, rows)
        return into_gates, into_outputs


def mix(gates: Tensor, outputs: Tensor) -> Tensor:
    """Experts weighted by each row's gates: ``gates [K, B, E]``, ``outputs [E, B, ..., D]`` to ``[K, B, ..., D]``."""
    flat = outputs.flatten(2)  # [E, B, M]
    if torch.compiler.is_compiling():
        mixed: Tensor = torch.bmm(gates.transpose(0, 1), flat.transpose(0, 1)).transpose(0, 1)
    else:
        mixed = _Mix.apply(*_cast(gates, flat))  # type: ignore[no-untyped-call]
    return mixed.reshape(len(gates), *outputs.shape[1:])
