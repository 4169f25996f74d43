"""Gates over groups of experts, at every place of a state."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Gate(nn.Module):
    """Weights of the experts of several groups, one after the other: ``[B, ..., H] -> [B, ..., E]``, a row sums to
    1.
    """

    def __init__(self, features: int, counts: Mapping[str, int]) -> None:
        super().__init__()
        self.groups = nn.ModuleDict({group: nn.Linear(features, count) for group, count in counts.items()})

    def forward(self, state: Tensor) -> Tensor:
        """The weights."""
        return torch.cat([logits(state) for logits in self.groups.values()], -1).softmax(-1)


def weighted(gate: Tensor, states: list[Tensor]) -> Tensor:
    """``sum_e g_e h_e`` with gates ``[B, ..., E]`` over states ``[B, ..., H]``, of which gates may have fewer places.

    A gate with more places than the states (a stage that pools) is averaged over them.
    """
    axes = states[0].dim()
    if gate.dim() > axes:
        gate = gate.mean(tuple(range(1, 1 + gate.dim() - axes)))
    for _ in range(axes - gate.dim()):
        gate = gate.unsqueeze(1)
    return (torch.stack(states, -1) * gate.unsqueeze(-2)).sum(-1)


def combined(factors: Tensor, states: Tensor, dims: int = 1) -> Tensor:
    """``tensordot`` of learned factors with states, in the precision of the states: under ``torch.autocast`` these may
    have less than a parameter has.
    """
    out: Tensor = torch.tensordot(factors.to(states.dtype), states, dims=dims)
    return out
