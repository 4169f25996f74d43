"""The network: a sharing strategy, a head per task, and what dependent tasks see of each other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.errors import InputError
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Encoder, Inputs
from mtl.nn.heads import Head
from mtl.nn.registered import check_registered
from mtl.sharing.base import RowMean, Sharing
from mtl.tasks import Task, TaskGraph

HEADS_IN_USE: WeakSet[Head] = WeakSet()  # heads that are in a network


class Partition(NamedTuple):
    """Every trainable parameter exactly once.

    Attributes:
        shared: reached by the losses of two or more tasks.
        private: by task, in the order of the tasks, reached by that task's loss only.
        layer: the part of ``shared`` nearest to the heads.
    """

    shared: list[Parameter]
    private: dict[str, list[Parameter]]
    layer: list[Parameter]

    @property
    def private_lists(self) -> list[list[Parameter]]:
        """The private parameters as K lists, in the order of the tasks."""
        return list(self.private.values())


def check_representations(given: object, sharing: Sharing, names: Sequence[str]) -> None:
    """InputError where a strategy gives something else than a representation of each task, as an own one may."""
    what = type(sharing).__name__
    if not isinstance(given, Mapping):
        raise InputError(
            f"{what}.forward: expected a mapping from tasks to representations, and got a {type(given).__name__}"
        )
    for name in names:
        if name not in given:
            raise InputError(f"{what}.forward: no representation of task '{name}': found: {', '.join(map(str, given))}")
        shape = given[name].shape
        if shape[-1] != sharing.out_features:
            second = len(shape) > 2 and shape[1] == sharing.out_features
            raise InputError(
                f"{what}.forward: the representation of task '{name}' has {shape[-1]} features, where "
                f"out_features of {what}, or widths of its encoder, say {sharing.out_features}"
                + (f": found {tuple(shape)}, expected the features last (movedim(1, -1))" if second else "")
            )


def declared(given: object, where: str) -> list[Parameter]:
    """The parameters that a method of a strategy names. InputError for what is none, as an own one may give."""
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise InputError(f"{where}: expected an iterator over parameters, and got a {type(given).__name__}")
    found = list(given)
    for one in found:
        if not isinstance(one, Parameter):
            raise InputError(
                f"{where}: expected an iterator over parameters, and one of them is a {type(one).__name__}"
            )
    return found


def check_mixture(given: object, sharing: Sharing) -> None:
    """InputError where what a strategy says of its experts is something else than a row for each task."""
    rows = len(sharing.task_names)
    if given is None or (isinstance(given, Tensor) and given.dim() == 2 and len(given) == rows):
        return
    found = f"the shape {tuple(given.shape)}" if isinstance(given, Tensor) else f"a {type(given).__name__}"
    raise InputError(
        f"{type(sharing).__name__}.mixture: expected None, or how much each task draws on each expert, a tensor of "
        f"{rows} rows; got {found}"
    )


def made_head(task: Task, features: int) -> Head:
    """A task's head for so many features. InputError where what is to make it, as an own one may, makes none, or again.

    One head in two networks would begin in the second with what the first has learned.
    """
    made: object = task.head(features)
    if not isinstance(made, Head):
        raise InputError(
            f"head of task '{task.name}': expected a Head of mtl.nn.heads, with forward(representation, inputs) and "
            f"message(prediction, inputs), and it is a {type(made).__name__}"
        )
    if made in HEADS_IN_USE:
        raise InputError(
            f"head of task '{task.name}': what makes it gives the same {type(made).__name__} again, which is in use: "
            "expected a new one from each call"
        )
    HEADS_IN_USE.add(made)
    return made


def checked_message(message: object, task: str, head: Head) -> Tensor:
    """What a head says of a prediction. InputError where it has not the shape that dependent heads are made for."""
    if isinstance(message, Tensor) and message.dim() == 2 and message.shape[1] == head.message_features:
        return message
    found = f"the shape {tuple(message.shape)}" if isinstance(message, Tensor) else f"a {type(message).__name__}"
    raise InputError(
        f"head of task '{task}': message gives {found}, expected [B, {head.message_features}], as message_features says"
    )


class Network(nn.Module):
    """Inputs to one prediction per task.

    A head whose task depends on others sees, beside its representation, the messages of their predictions.

    Args:
        sharing: gives each task its representation.
        graph: the tasks and their relations.
        detach: dependent tasks see a prediction without sending gradients back through it.
    """

    def __init__(self, sharing: Sharing, graph: TaskGraph, detach: bool = True) -> None:
        super().__init__()
        self.sharing = sharing
        self.graph = graph
        self.detach = detach
        heads: dict[str, Head] = {}
        for name in graph.order:
            features = sharing.out_features + sum(heads[up].message_features for up in graph[name].depends_on)
            heads[name] = made_head(graph[name], features)
        self.heads = ModulesByName(heads)
        for name in {name for *pair, _ in sharing.expectations() for name in pair}:
            if not heads[name].message_is_probability:
                raise InputError(f"model.calibrate compares probabilities of events, and task '{name}' has none")
        check_registered(self)
        self.members = max((one.members for one in sharing.modules() if isinstance(one, Encoder)), default=1)

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        """Inputs to raw predictions, in the order of the tasks.

        Of an ensemble (:attr:`mtl.nn.encoder.Encoder.members`), those of every member in training, ``[B M, ...]``, else
        their means.
        """
        predictions = self.predictions(self.sharing(inputs), inputs)
        if self.members == 1 or self.training:
            return predictions
        return {
            name: self.graph[name].merge(one.view(-1, self.members, *one.shape[1:]))
            for name, one in predictions.items()
        }

    def with_representation(self, inputs: Inputs) -> tuple[dict[str, Tensor], Tensor | None]:
        """Raw predictions, and the one representation through which all losses depend on what is shared.

        The latter is None where there is no such tensor.
        """
        representations = self.sharing(inputs)
        first, *others = representations.values()
        one = all(other is first for other in others) and not self._feeding()
        return self.predictions(representations, inputs), first if one else None

    def predictions(self, representations: dict[str, Tensor], inputs: Inputs) -> dict[str, Tensor]:
        """Representations to raw predictions, in the order of the tasks."""
        predictions: dict[str, Tensor] = {}
        check_representations(representations, self.sharing, self.graph.names)
        for name in self.graph.order:
            seen = [representations[name]]
            for up in self.graph[name].depends_on:
                head = cast(Head, self.heads[up])
                message = checked_message(head.message(predictions[up], inputs), up, head)  # [B, M]
                message = message.detach() if self.detach else message
                for _ in range(seen[0].dim() - 2):
                    message = message.unsqueeze(1)
                seen.append(message.expand(*seen[0].shape[:-1], -1))  # [B, ..., M]
            predictions[name] = self.heads[name](torch.cat(seen, -1) if len(seen) > 1 else seen[0], inputs)
            if not isinstance(predictions[name], Tensor):
                kind = type(predictions[name]).__name__
                raise InputError(f"head of task '{name}': forward gives a {kind}, expected one tensor, [B, ...]")
        return {name: predictions[name] for name in self.graph.names}

    def penalty(self, batches: Sequence[Inputs], mean: RowMean) -> Tensor:
        """What the sharing adds to the objective of an optimizer step, ``[]``.

        See :meth:`~mtl.sharing.base.Sharing.penalty` and :meth:`~mtl.sharing.base.Sharing.expectations`.
        """
        total = self.sharing.penalty(batches, mean)
        pairs = list(self.sharing.expectations())
        if not pairs:
            return total
        found: dict[str, list[Tensor]] = {name: [] for *pair, _ in pairs for name in pair}
        for inputs in batches:
            predictions = self(inputs)
            for name, parts in found.items():
                parts.append(cast(Head, self.heads[name]).message(predictions[name], inputs))  # [B, 1]
        chances = {name: torch.cat(parts) for name, parts in found.items()}
        rises = [factor * (chances[later] - chances[earlier]).relu() for earlier, later, factor in pairs]
        return total.to(rises[0].device) + mean(torch.stack(rises, 1)).sum()

    def _feeding(self) -> set[str]:
        """Tasks whose heads other tasks' losses reach."""
        return set() if self.detach else {up for task in self.graph.tasks for up in task.depends_on}

    def partition(self) -> Partition:
        """Which parameters are shared and which belong to one task.

        InputError if one belongs to two tasks, or a strategy names something else than parameters.
        """
        feeding, what = self._feeding(), type(self.sharing).__name__
        own = {
            name: declared(self.sharing.private_parameters(name), f"{what}.private_parameters")
            for name in self.graph.names
        }
        layer = declared(self.sharing.last_shared_layer(), f"{what}.last_shared_layer")
        shared = declared(self.sharing.shared_parameters(), f"{what}.shared_parameters")
        private: dict[str, list[Parameter]] = {}
        for name in self.graph.names:
            of_task = [*own[name], *self.heads[name].parameters()]
            private[name] = [] if name in feeding else of_task
            shared += of_task if name in feeding else []
        owners: dict[int, str] = {}
        for name, part in private.items():
            for other in {owners.setdefault(id(p), name) for p in part} - {name}:
                raise InputError(
                    f"model: the networks of the tasks '{other}' and '{name}' have parameters in common that are to be "
                    "each task's own: expected a new encoder from each call of what makes it"
                )
        return Partition(
            [p for p in shared if p.requires_grad],
            {name: [p for p in part if p.requires_grad] for name, part in private.items()},
            [p for p in layer if p.requires_grad],
        )
