"""Groups of tasks that share among themselves and with nobody else."""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.errors import InputError, unknown
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Encoder, Inputs, InputShape
from mtl.sharing.base import EncoderFactory, RowMean, Sharing, mean_of_these

SharingFactory = Callable[[InputShape, Sequence[str], EncoderFactory], Sharing]


class Grouped(Sharing):
    """One network of a strategy for each group of cooperative tasks.

    After Standley et al., "Which Tasks Should Be Learned Together in Multi-task Learning?", ICML 2020,
    https://arxiv.org/abs/1905.07553. One group of all tasks is the strategy itself, no groups is single-task learning.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        strategy: builds the network of a group.
        groups: names of the tasks of each group; a task in none has an encoder of its own.
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
                raise unknown("task in grouping", name, self.task_names)
            if named.count(name) > 1:
                raise InputError(f"grouping: task '{name}' is in more than one group")
        # In the order of the tasks, so that the order in which groups are written changes nothing
        members = [tuple(name for name in self.task_names if name in group) for group in groups if len(group) > 1]
        self.groups = tuple(sorted(members, key=lambda group: self.task_names.index(group[0])))
        self.networks = nn.ModuleList(strategy(input_shape, group, encoder) for group in self.groups)
        ungrouped = [name for name in self.task_names if not any(name in group for group in self.groups)]
        self.ungrouped = ModulesByName({name: encoder(input_shape) for name in ungrouped})
        sizes = [network.out_features for network in self._networks]
        sizes += [cast(Encoder, self.ungrouped[name]).out_features for name in ungrouped]
        if len(set(sizes)) > 1:
            raise InputError(f"grouping: this model gives groups representations of unlike sizes {sizes}")
        self.out_features = sizes[0]

    @property
    def _networks(self) -> list[Sharing]:
        return [cast(Sharing, network) for network in self.networks]

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        out = {name: encoder(inputs) for name, encoder in self.ungrouped.items()}
        for network in self.networks:
            out |= network(inputs)
        return {name: out[name] for name in self.task_names}

    @override
    def penalty(self, batches: Sequence[Inputs] = (), mean: RowMean = mean_of_these) -> Tensor:
        # Where there is none, it is a zero on the CPU
        terms = [network.penalty(batches, mean).cpu() for network in self._networks]
        return torch.stack(terms).sum() if terms else torch.zeros(())

    @override
    def expectations(self) -> Iterator[tuple[str, str, float]]:
        for network in self._networks:
            yield from network.expectations()

    @override
    def mixture(self) -> Tensor | None:
        found = self.mixtures()
        return found[-1] if found else None

    @override
    def mixtures(self) -> list[Tensor]:
        order = [*(name for group in self.groups for name in group), *self.ungrouped]
        rows = [order.index(name) for name in self.task_names]
        out = []
        for found in zip(*(network.mixtures() for network in self._networks), strict=True):  # of one strategy
            blocks = [*found, *(found[0].new_ones(1, 1) for _ in self.ungrouped)]
            out.append(torch.block_diag(*blocks)[rows])  # type: ignore[no-untyped-call]  # [K, E of all groups]
        return out

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        if task in self.ungrouped:
            yield from self.ungrouped[task].parameters()
        for group, network in zip(self.groups, self._networks, strict=True):
            if task in group:
                yield from network.private_parameters(task)

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        for network in self._networks:
            yield from network.last_shared_layer()
