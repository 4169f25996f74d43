"""Groups of tasks that share among themselves and with nobody else."""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.errors import InputError, unknown
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory, Sharing

SharingFactory = Callable[[InputShape, Sequence[str], EncoderFactory], Sharing]


class Grouped(Sharing):
    """One network of a strategy for each group of cooperative tasks.

    After Standley et al., "Which Tasks Should Be Learned Together in Multi-task Learning?", ICML 2020,
    https://arxiv.org/abs/1905.07553. One group of all tasks is the strategy itself, groups of one are single-task learning.

    Args:
        input_shape, task_names, encoder: see :class:`~mtl.sharing.base.Sharing`.
        strategy: builds the network of a group.
        groups: names of the tasks of each group; a task in none is a group of its own.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        strategy: SharingFactory,
        groups: Sequence[Sequence[str]],
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        named = [name for group in groups for name in group]
        for name in named:
            if name not in self.task_names:
                raise unknown("task in relations.groups", name, self.task_names)
            if named.count(name) > 1:
                raise InputError(f"relations.groups: task '{name}' is in more than one group")
        alone = [(name,) for name in self.task_names if name not in named]
        # In the order of the tasks, so that the order in which groups are written changes nothing
        self.groups = tuple(
            sorted(
                (tuple(sorted(group, key=self.task_names.index)) for group in (*groups, *alone) if group),
                key=lambda group: self.task_names.index(group[0]),
            )
        )
        self.networks = nn.ModuleList(strategy(input_shape, group, encoder) for group in self.groups)
        self.out_features = self._networks[0].out_features

    @property
    def _networks(self) -> list[Sharing]:
        return [cast(Sharing, network) for network in self.networks]

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        out = {name: value for network in self.networks for name, value in network(inputs).items()}
        return {name: out[name] for name in self.task_names}

    def penalty(self) -> Tensor:
        return torch.stack([network.penalty().cpu() for network in self._networks]).sum()

    def mixture(self) -> Tensor | None:
        parts = [network.mixture() for network in self._networks]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            return None
        rows = torch.block_diag(*found)  # [K, E of all groups], in the order of the groups
        order = [name for group in self.groups for name in group]
        return rows[[order.index(name) for name in self.task_names]]

    def private_parameters(self, task: str) -> Iterator[Parameter]:
        for group, network in zip(self.groups, self._networks, strict=True):
            if group == (task,):
                yield from network.parameters()
            elif task in group:
                yield from network.private_parameters(task)

    def last_shared_layer(self) -> Iterator[Parameter]:
        for group, network in zip(self.groups, self._networks, strict=True):
            if len(group) > 1:
                yield from network.last_shared_layer()
