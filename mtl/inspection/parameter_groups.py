"""Groups of a network's parameters, and which tasks each of them serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from mtl.gradients.flat import reached
from mtl.module.evaluating import evaluating
from mtl.module.module import MultiTaskModule
from mtl.suites.batch import Batch


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that stand together and serve the same tasks.

    With ``*`` in its name: private parameters of each task, at the same place for every one.

    Attributes:
        name: path in the network.
        serves: by task, how many parameters serve it.
        shared: whether several tasks use the same ones.
    """

    name: str
    serves: dict[str, int]
    shared: bool


def group_parameters(module: MultiTaskModule, batch: Batch) -> list[ParameterGroup]:
    """The largest groups that serve the same tasks throughout, in the order of the network; shared ones first.

    A private parameter serves its task, a shared one the tasks that have a gradient with respect to it on the batch;
    all tasks, if none has. What counts is the whole parameter.

    Args:
        module: its trainable parameters are looked at.
        batch: a few rows.

    Returns:
        The groups; every trainable parameter is in one.
    """
    names = module.graph.names
    parameters = [p for p in module.network.parameters() if p.requires_grad]
    with evaluating(module):
        found = reached(module.losses(batch), parameters)  # by task, by parameter
    tasks = {
        id(p): tuple(name for name, row in zip(names, found, strict=True) if row[i]) or names
        for i, p in enumerate(parameters)
    }
    tasks |= {id(p): (name,) for name, part in module.partition.private.items() for p in part}
    shared, private = [], dict[str, dict[str, int]]()
    for path, serves, size in _uniform_parts(module.network, "", tasks):
        name = path.removeprefix("sharing.")
        if len(serves) == 1:
            place = ".".join("*" if step == serves[0] else step for step in name.split("."))
            counts = private.setdefault(place, {})
            counts[serves[0]] = counts.get(serves[0], 0) + size
        else:
            shared.append(ParameterGroup(name, dict.fromkeys(serves, size), shared=True))
    ordered = {place: {name: counts[name] for name in names if name in counts} for place, counts in private.items()}
    return [*shared, *(ParameterGroup(place, serves, shared=False) for place, serves in ordered.items())]


def _uniform_parts(
    node: nn.Module, path: str, tasks: Mapping[int, tuple[str, ...]]
) -> list[tuple[str, tuple[str, ...], int]]:
    """Path, tasks and size of the largest parts whose parameters all serve the same tasks."""
    inside = [p for p in node.parameters() if id(p) in tasks]
    kinds = {tasks[id(p)] for p in inside}
    if len(kinds) == 1:
        return [(path, next(iter(kinds)), sum(p.numel() for p in inside))]
    direct = [(name, p) for name, p in node.named_parameters(recurse=False) if id(p) in tasks]
    out = [(_join(path, name), tasks[id(p)], p.numel()) for name, p in direct]
    for name, child in node.named_children():
        out += _uniform_parts(child, _join(path, name), tasks)
    return out


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def largest(groups: Sequence[ParameterGroup], count: int) -> list[ParameterGroup]:
    """At most ``count`` groups, in their order: the smallest are left out."""
    if len(groups) <= count:
        return list(groups)
    large = sorted(groups, key=lambda group: -max(group.serves.values(), default=0))[:count]
    return [group for group in groups if group in large]
