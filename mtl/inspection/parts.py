"""The parts of a network, and which tasks each of them serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from mtl.gradients.flat import reached
from mtl.module.module import MultiTaskModule
from mtl.suites.base import Batch


@dataclass(frozen=True)
class Part:
    """Parameters that stand together and serve the same tasks; or, with ``*`` in its name, that each task has of its
    own at the same place.

    Attributes:
        name: path in the network.
        serves: by task, how many numbers serve it.
        shared: whether several tasks use the same ones.
    """

    name: str
    serves: dict[str, int]
    shared: bool


def parts(module: MultiTaskModule, batch: Batch) -> list[Part]:
    """The largest parts that serve the same tasks throughout, in the order of the network; shared ones first.

    A private parameter serves its task, a shared one the tasks that have a gradient with respect to it on the batch;
    all tasks, if none has. What counts is the whole parameter.

    Args:
        module: its trainable parameters are looked at.
        batch: a few rows.
    """
    names = module.graph.names
    parameters = [p for p in module.network.parameters() if p.requires_grad]
    training = module.training
    module.eval()
    found = reached(module.losses(batch), parameters)  # by task, by parameter
    module.train(training)
    tasks = {
        id(p): tuple(name for name, row in zip(names, found, strict=True) if row[i]) or names
        for i, p in enumerate(parameters)
    }
    tasks |= {id(p): (name,) for name, private in module.partition.private.items() for p in private}
    shared, own = [], dict[str, dict[str, int]]()
    for path, serves, size in _alike(module.network, "", tasks):
        name = path.removeprefix("sharing.")
        if len(serves) == 1:
            place = ".".join("*" if step == serves[0] else step for step in name.split("."))
            at = own.setdefault(place, {})
            at[serves[0]] = at.get(serves[0], 0) + size
        else:
            shared.append(Part(name, dict.fromkeys(serves, size), shared=True))
    ordered = {place: {name: at[name] for name in names if name in at} for place, at in own.items()}
    return [*shared, *(Part(place, serves, shared=False) for place, serves in ordered.items())]


def _alike(node: nn.Module, path: str, tasks: Mapping[int, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...], int]]:
    """Path, tasks and size of the largest parts whose parameters all serve the same tasks."""
    mine = [p for p in node.parameters() if id(p) in tasks]
    kinds = {tasks[id(p)] for p in mine}
    if len(kinds) == 1:
        return [(path, next(iter(kinds)), sum(p.numel() for p in mine))]
    direct = [(name, p) for name, p in node.named_parameters(recurse=False) if id(p) in tasks]
    out = [(_join(path, name), tasks[id(p)], p.numel()) for name, p in direct]
    for name, child in node.named_children():
        out += _alike(child, _join(path, name), tasks)
    return out


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def most(found: Sequence[Part], rows: int) -> list[Part]:
    """At most so many parts: the smallest are left out."""
    if len(found) <= rows:
        return list(found)
    large = sorted(found, key=lambda part: -max(part.serves.values(), default=0))[:rows]
    return [part for part in found if part in large]
