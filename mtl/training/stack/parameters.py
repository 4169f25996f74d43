"""The parameters of several networks of one shape, in one array."""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from mtl.module.losses import loss_sums
from mtl.module.module import MultiTaskModule
from mtl.nn.candidates import SetBlock
from mtl.nn.encoder import Inputs
from mtl.suites.batch import Batch
from mtl.suites.stacked_loader import StackedBatch


class Place(NamedTuple):
    """Where a parameter is in the array.

    Attributes:
        name: of the parameter in its network.
        shape: of the parameter.
        start: the first of its columns.
        end: the column after the last.
    """

    name: str
    shape: torch.Size
    start: int
    end: int


class StackedParameters:
    """The trainable parameters of R networks as rows of one array ``[R, P]``.

    The parameters of each network become views of its row, so that whoever looks at a network sees what was trained.
    One pass through all networks maps one network over the rows (``torch.func.vmap``), which makes of every linear
    layer one batched product.

    Args:
        modules: of networks of one shape; their parameters are replaced.

    Attributes:
        values: ``[R, P]``.
        gradients: of the last step, ``[R, P]``.
        places: of the parameters, those of one part beside each other.
        parts: first and last column of what is shared, and of what belongs to each task.
    """

    def __init__(self, modules: Sequence[MultiTaskModule]) -> None:
        first = modules[0]
        self.template = deepcopy(first.network)
        for block in self.template.modules():
            if isinstance(block, SetBlock):
                block.by_length = False  # the networks' batches have unlike numbers of short sets, and one shape
        self.graph = first.graph
        names = {id(p): name for name, p in first.network.named_parameters()}
        self.places: list[Place] = []
        self.parts: list[tuple[int, int]] = []
        column = 0
        for part in (first.partition.shared, *first.partition.private_lists):
            begin = column
            for p in part:
                self.places.append(Place(names[id(p)], p.shape, column, column + p.numel()))
                column += p.numel()
            self.parts.append((begin, column))
        with torch.no_grad():
            self.values = torch.stack([self._row(module) for module in modules])
        self._attach(modules)

    @property
    def columns(self) -> int:
        """P, the parameters of one network."""
        return self.values.shape[1]

    def keep(self, numbers: Sequence[int], modules: Sequence[MultiTaskModule]) -> None:
        """Go on with some of the networks; those of the others get parameters of their own again.

        Args:
            numbers: of those that stay.
            modules: of all until now.
        """
        for number, module in enumerate(modules):
            if number not in numbers:
                for p in module.network.parameters():
                    p.data = p.data.clone()
        if numbers:
            self.values = self.values[list(numbers)]
            self._attach([modules[number] for number in numbers])

    def loss_sums(self, batch: StackedBatch) -> Tensor:
        """Sums of the losses of the rows of every network's own batch, ``[R, K]``."""
        complete = all(n == batch.size for counts in batch.counts for n in counts)
        counts = batch.counts[0] if complete else ()

        def of_one(parameters: dict[str, Tensor], inputs: Inputs, targets: dict[str, Tensor]) -> Tensor:
            predictions = functional_call(self.template, parameters, (inputs,))
            return torch.stack(loss_sums(self.graph, predictions, Batch(inputs, targets, counts, batch.size)))

        self.template.train()
        sums: Tensor = vmap(of_one)(self.leaves, batch.inputs, batch.targets)
        return sums

    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        """Raw predictions of every network for the same inputs in evaluation mode, ``[R, B, ...]`` by task."""

        def of_one(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
            found: dict[str, Tensor] = functional_call(self.template, parameters, (inputs,))
            return found

        self.template.eval()
        values = {name: leaf.detach() for name, leaf in self.leaves.items()}
        predictions: dict[str, Tensor] = vmap(of_one)(values)
        return predictions

    def write_gradients(self, losses: Tensor, weights: Tensor) -> None:
        """Make :attr:`gradients` those of ``sum_k weights_rk losses_rk`` of every network r.

        Args:
            losses: ``[R, K]``, with their graph.
            weights: ``[R, K]``.
        """
        found: tuple[Tensor | None, ...] = torch.autograd.grad(
            losses, list(self.leaves.values()), weights, allow_unused=True
        )
        for slot, gradient in zip(self._slots, found, strict=True):
            if gradient is None:
                slot.zero_()
            else:
                slot.copy_(gradient)

    def _row(self, module: MultiTaskModule) -> Tensor:
        parameters = dict(module.network.named_parameters())
        return torch.cat([parameters[place.name].detach().flatten() for place in self.places])

    def _attach(self, modules: Sequence[MultiTaskModule]) -> None:
        count = len(modules)
        self.gradients = torch.zeros_like(self.values)
        for row, module in zip(self.values, modules, strict=True):
            parameters: dict[str, nn.Parameter] = dict(module.network.named_parameters())
            for place in self.places:
                parameters[place.name].data = row[place.start : place.end].view(place.shape)
        self.leaves: dict[str, Tensor] = {}
        self._slots: list[Tensor] = []
        for name, shape, start, end in self.places:
            self.leaves[name] = self.values[:, start:end].view(count, *shape).detach().requires_grad_()
            self._slots.append(self.gradients[:, start:end].view(count, *shape))
