"""Gates over groups of experts, at every position of a state."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtl.nn.by_name import ModulesByName
from mtl.nn.stacked import mix_experts


class Gate(nn.Module):
    """Weights of the experts of several groups, one after the other: ``[B, ..., H] -> [B, ..., E]``, their sum 1."""

    def __init__(self, features: int, counts: Mapping[str, int]) -> None:
        super().__init__()
        self.groups = ModulesByName({group: nn.Linear(features, count) for group, count in counts.items()})

    def forward(self, state: Tensor) -> Tensor:
        """The weights, ``[B, ..., E]``."""
        return torch.cat([logits(state) for logits in self.groups.values()], -1).softmax(-1)


def mix_positions(gates: Tensor, states: Tensor) -> Tensor:
    """``sum_e g_ke h_e`` at every position: gates ``[K, B, ..., E]``, states ``[E, B, ..., H]`` to ``[K, B, ..., H]``.

    Gates that have other positions than the states (those of a stage before one that pools) are averaged over them.
    """
    if gates.dim() > 3 and gates.shape[2:-1] != states.shape[2:-1]:
        gates = gates.flatten(2, -2).mean(2)
    if gates.dim() == 3:
        return mix_experts(gates, states)
    return mix_experts(gates.flatten(1, -2), states.flatten(1, -2)).view(len(gates), *states.shape[1:])


def combine(factors: Tensor, states: Tensor, dims: int = 1) -> Tensor:
    """``tensordot`` of learned factors with states, in the precision of the states.

    Under ``torch.autocast`` these may have less than a parameter has.
    """
    out: Tensor = torch.tensordot(factors.to(states.dtype), states, dims=dims)
    return out
