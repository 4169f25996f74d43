"""The state of a part of a training: values of the network, and what the optimizer knows of its parameters."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

Snapshot = dict[str, Any]  # tensors and plain values, as a checkpoint may hold them


def take_snapshot(
    state: Mapping[str, Tensor], names: Iterable[str], optimizer: Optimizer, groups: Sequence[int]
) -> Snapshot:
    """A copy, in the memory of the host.

    Args:
        state: of the module.
        names: of its entries that are copied.
        optimizer: what it keeps of the parameters in these groups is copied.
        groups: numbers of its parameter groups.

    Returns:
        The snapshot.
    """
    return {
        "values": {name: state[name].detach().cpu().clone() for name in names},
        "optimizer": [[_copied(optimizer.state.get(p, {})) for p in _parameters(optimizer, group)] for group in groups],
    }


def restore_snapshot(snapshot: Snapshot, module: nn.Module, optimizer: Optimizer, groups: Sequence[int]) -> None:
    """Put a snapshot back; everything that it does not hold stays as it is."""
    module.load_state_dict(snapshot["values"], strict=False)
    for group, kept in zip(groups, snapshot["optimizer"], strict=True):
        for p, known in zip(_parameters(optimizer, group), kept, strict=True):
            for name, value in known.items():
                if isinstance(value, Tensor):
                    optimizer.state[p][name].copy_(value)
                else:
                    optimizer.state[p][name] = value


def _parameters(optimizer: Optimizer, group: int) -> list[Tensor]:
    return list(optimizer.param_groups[group]["params"])


def _copied(known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.detach().cpu().clone() if isinstance(value, Tensor) else value for name, value in known.items()}
