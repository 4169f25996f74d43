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
from mtl.training.stack.dropout import with_members_dropout


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

    The parameters of each network become views of its row, so that whoever looks at a network sees what was trained;
    and so do its buffers, of arrays of their own.
    One pass through all networks maps one network over the rows (``torch.func.vmap``), which makes of every linear
    layer one batched product.

    Args:
        modules: of networks of one shape; their parameters are replaced.
        random_states: with which each network begins to draw what it drops.

    Attributes:
        values: ``[R, P]``.
        gradients: of the last step, ``[R, P]``.
        places: of the parameters, those of one part beside each other.
        parts: first and last column of what is shared, and of what belongs to each task.
        layer: names of the parameters of the last shared layer.
        buffers: by name, ``[R, ...]``.
        generators: of what each network drops in training.
    """

    def __init__(self, modules: Sequence[MultiTaskModule], random_states: Sequence[Tensor]) -> None:
        first = modules[0]
        self.template = deepcopy(first.network)
        self.generators = [generator_of(state) for state in random_states]
        self._dropouts = with_members_dropout(self.template, [module.network for module in modules], self.generators)
        self._tied = len(list(self.template.named_parameters(remove_duplicate=False))) > len(
            list(self.template.named_parameters())
        )
        self.set_blocks = [block for block in self.template.modules() if isinstance(block, SetBlock)]
        self.graph = first.graph
        names = {id(p): name for name, p in first.network.named_parameters()}
        self._task_gradients: Tensor | None = None
        self.places: list[Place] = []
        self.parts: list[tuple[int, int]] = []
        column = 0
        for part in (first.partition.shared, *first.partition.private_lists):
            begin = column
            for p in part:
                self.places.append(Place(names[id(p)], p.shape, column, column + p.numel()))
                column += p.numel()
            self.parts.append((begin, column))
        layer = {id(p) for p in first.partition.layer}
        self.layer = [name for name, p in first.network.named_parameters() if id(p) in layer]
        with torch.no_grad():
            self.values = torch.stack([self._row(module) for module in modules])
            self.buffers = {
                name: torch.stack([module.network.get_buffer(name) for module in modules])
                for name, _ in first.network.named_buffers()
            }
        self._attach(modules)
        self.layer_columns = [(place.start, place.end) for place in self.places if place.name in self.layer]
        self.layer_size = sum(end - start for start, end in self.layer_columns)

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
                for part in (*module.network.parameters(), *module.network.buffers()):
                    part.data = part.data.clone()
        self.generators[:] = [self.generators[number] for number in numbers]
        for dropout in self._dropouts:
            dropout.keep(numbers)
        if numbers:
            self.values = self.values[list(numbers)]
            self.buffers = {name: values[list(numbers)] for name, values in self.buffers.items()}
            self._attach([modules[number] for number in numbers])

    def set_buffers(self, values: dict[str, Tensor]) -> None:
        """Give the networks' buffers these values, by name ``[R, ...]``."""
        for name, one in values.items():
            self.buffers[name].copy_(one)

    def loss_sums(self, batch: StackedBatch) -> tuple[Tensor, ...]:
        """Sums of the losses of the rows of every network's own batch, ``[R]`` of each of the K tasks."""
        complete = all(n == batch.size for counts in batch.counts for n in counts)
        counts = batch.counts[0] if complete else ()

        def of_one(state: dict[str, Tensor], inputs: Inputs, targets: dict[str, Tensor]) -> tuple[Tensor, ...]:
            predictions = functional_call(self.template, state, (inputs,), tie_weights=self._tied)
            return tuple(loss_sums(self.graph, predictions, Batch(inputs, targets, counts, batch.size)))

        self._prepare(training=True, parts=batch.parts)
        sums: tuple[Tensor, ...] = vmap(of_one)(self.leaves | self.buffers, batch.inputs, batch.targets)
        return sums

    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        """Raw predictions of every network for the same inputs in evaluation mode, ``[R, B, ...]`` by task."""

        def of_one(state: dict[str, Tensor]) -> dict[str, Tensor]:
            found: dict[str, Tensor] = functional_call(self.template, state, (inputs,), tie_weights=self._tied)
            return found

        self._prepare(training=False, parts=())
        values = {name: leaf.detach() for name, leaf in self.leaves.items()} | self.buffers
        predictions: dict[str, Tensor] = vmap(of_one)(values)
        return predictions

    def write_gradients(self, losses: Sequence[Tensor], weights: Tensor) -> None:
        """Make :attr:`gradients` those of ``sum_k weights_rk losses_rk`` of every network r.

        Args:
            losses: ``[R]`` of each task, with their graph.
            weights: ``[R, K]``.
        """
        found: tuple[Tensor | None, ...] = torch.autograd.grad(
            losses, list(self.leaves.values()), weights.unbind(1), allow_unused=True
        )
        for slot, gradient in zip(self._slots, found, strict=True):
            if gradient is None:
                slot.zero_()
            else:
                slot.copy_(gradient)

    def task_gradients(self, losses: Sequence[Tensor], names: Sequence[str] | None = None) -> Tensor:
        """The gradients of each task's loss, ``[K, R, P]``; the graph of the losses stays.

        Args:
            losses: ``[R]`` of each task, with their graph.
            names: of the parameters, the columns of which follow one another; None: all, in their columns.

        Returns:
            See above.
        """
        leaves = list(self.leaves.values()) if names is None else [self.leaves[name] for name in names]
        columns = sum(leaf[0].numel() for leaf in leaves)
        shape = (len(losses), len(self.values), columns)
        if self._task_gradients is None or self._task_gradients.shape != shape:
            self._task_gradients = self.values.new_empty(shape)
        for loss, rows in zip(losses, self._task_gradients, strict=True):
            found: tuple[Tensor | None, ...] = torch.autograd.grad(
                loss, leaves, torch.ones_like(loss), retain_graph=True, allow_unused=True
            )
            column = 0
            for leaf, gradient in zip(leaves, found, strict=True):
                slot = rows[:, column : column + leaf[0].numel()]
                if gradient is None:
                    slot.zero_()
                else:
                    slot.copy_(gradient.reshape(slot.shape))
                column += leaf[0].numel()
        return self._task_gradients

    def write_weighted(self, gradients: Tensor, weights: Tensor, private: Tensor) -> None:
        """Make :attr:`gradients` the weighted sums of the tasks' gradients.

        Args:
            gradients: of the tasks, ``[K, R, P]``.
            weights: of what is shared, ``[R, K]``.
            private: factors of the private gradients, ``[R, K]``.
        """
        torch.mul(gradients[0], weights[:, :1], out=self.gradients)
        for task, weight in zip(gradients[1:], weights[:, 1:].unbind(1), strict=True):
            self.gradients.addcmul_(task, weight.unsqueeze(1))
        if private is not weights and not torch.equal(private, weights):
            for task, factor, (start, end) in zip(gradients, private.unbind(1), self.parts[1:], strict=True):
                torch.mul(task[:, start:end], factor.unsqueeze(1), out=self.gradients[:, start:end])

    def _prepare(self, *, training: bool, parts: Sequence[tuple[int, int]]) -> None:
        """Put the network into its mode, where it is in the other one, and tell it in which parts rows are sorted."""
        if self.template.training != training:
            self.template.train(training)
        for block in self.set_blocks:
            block.sorted_parts = parts

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
        for number, module in enumerate(modules):
            for name, values in self.buffers.items():
                module.network.get_buffer(name).data = values[number]
        self.leaves: dict[str, Tensor] = {}
        self._slots: list[Tensor] = []
        for name, shape, start, end in self.places:
            self.leaves[name] = self.values[:, start:end].view(count, *shape).detach().requires_grad_()
            self._slots.append(self.gradients[:, start:end].view(count, *shape))


def generator_of(state: Tensor) -> torch.Generator:
    """A generator that goes on as torch's own one would from this state."""
    generator = torch.Generator()
    generator.set_state(state)
    return generator
