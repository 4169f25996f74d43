"""Parameters that a training does not train, though they are there for it: found by the graph of its losses."""

from collections.abc import Container, Mapping, Sequence

from torch import Tensor
from torch.nn import Parameter

from mtl.errors import InputError
from mtl.gradients.reach import leaves

SHOWN = 3  # parts that a line names


class ReachedParameters:
    """Looks at the losses of the first epoch until every parameter was reached by one: as a rule, at the first step.

    A network or a strategy that takes its representation out of the graph (``detach``) otherwise trains without its
    trunk, and nobody sees it.

    Args:
        parameters: of the network, by name; those that are to be trained when training begins count.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._parameters = dict(parameters)
        self._known: set[int] = set()
        self._waiting: dict[int, str] | None = None  # names of those that were not reached so far

    def look(self, losses: Sequence[Tensor]) -> None:
        """See which parameters these losses reach.

        Args:
            losses: with their graph.

        Raises:
            InputError: one reaches a parameter to be trained that the network does not have.
        """
        if self._waiting is None:
            self._known = {id(one) for one in self._parameters.values()}
            self._waiting = {id(one): name for name, one in self._parameters.items() if one.requires_grad}
        if not self._waiting:
            return
        for leaf in leaves(*losses):
            if isinstance(leaf, Parameter) and id(leaf) not in self._known:
                raise InputError(
                    f"model: the losses depend on a parameter {tuple(leaf.shape)} that is no part of the network, so "
                    "no optimizer trains it and no checkpoint keeps it: expected its module as an attribute of the "
                    "module that calls it, made in __init__ (of what is not to be trained: requires_grad_(False))"
                )
            self._waiting.pop(id(leaf), None)

    def conclude(self) -> str:
        """Look no further; what is to be said of parameters that no loss has reached, empty if there is none."""
        unreached = {name: self._parameters[name].numel() for name in (self._waiting or {}).values()}
        parts = list(dict.fromkeys(self._whole_part(name, unreached) for name in unreached))
        self._waiting, self._parameters = {}, {}  # of a stack they would keep memory
        if not unreached:
            return ""
        named = ", ".join(parts[:SHOWN]) + (f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else "")
        numbers = sum(unreached.values())
        return (
            f"model: no loss of the first epoch reaches {named} ({numbers:,} numbers), which so learn nothing: their "
            "output is detached, or not used (of what is not to be trained: requires_grad_(False))"
        )

    def _whole_part(self, name: str, unreached: Container[str]) -> str:
        """The largest part of the network around a parameter of which none is reached."""
        words = name.split(".")
        for count in range(1, len(words)):
            part = ".".join(words[:count])
            if all(other in unreached for other in self._parameters if other.startswith(f"{part}.")):
                return part
        return name
