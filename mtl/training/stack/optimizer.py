"""One optimizer's step for several runs, each with its own learning rate, weight decay and schedule."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mtl.training.stack.member import Member
from mtl.training.stack.parameters import StackedParameters

# They treat every number by itself, so a row of parameters may be one of theirs
OFFERED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)
OWN = ("params", "initial_lr")  # keys of a parameter group that are no setting of its update


class StackedOptimizer:
    """Updates the rows of stacked parameters as the members' own optimizers would.

    Each member keeps its own optimizer, which makes no step: its parameter groups say how to update and are what a
    scheduler changes, and its state is a view of what the one optimizer here knows. So a member's checkpoints and
    snapshots are those of a run of its own. Rows that are updated alike are updated in one call.

    Args:
        members: runs.
        stack: their networks' parameters.

    Attributes:
        optimizer: the one that makes the steps.
    """

    def __init__(self, members: Sequence[Member], stack: StackedParameters) -> None:
        self.members, self.stack = list(members), stack
        self.rows = [self._row(member, number) for number, member in enumerate(self.members)]
        kind: Any = type(self.members[0].optimizers[0])
        everything = [{**self._settings(m, g), "params": row[g]} for m, row in self._pairs() for g in range(len(row))]
        self.optimizer: Optimizer = kind(everything)
        self._rates: list[Any] = []
        self._linked = False
        self.group()

    def group(self) -> None:
        """Put rows with the same settings, the learning rate among them, into one group."""
        rates = [group["lr"] for member in self.members for group in member.optimizers[0].param_groups]
        if rates == self._rates:
            return
        self._rates = rates
        alike: dict[str, dict[str, Any]] = {}
        for member, row in self._pairs():
            for number, parameters in enumerate(row):
                settings = self._settings(member, number)
                alike.setdefault(repr(settings), {**settings, "params": []})["params"] += parameters
        self.optimizer.param_groups[:] = alike.values()

    def after_step(self) -> None:
        """After the first step: let the members' optimizers see what this one knows."""
        if not self._linked:
            self._linked = True
            for member, row in self._pairs():
                self._link(member, row)

    def keep(self, numbers: Sequence[int]) -> None:
        """Go on with some of the members, whose parameters have been attached anew."""
        for number, row in enumerate(self.rows):
            if number not in numbers:
                for p in (p for part in row for p in part):
                    self.optimizer.state.pop(p, None)
        self.members = [self.members[number] for number in numbers]
        self.rows = [self.rows[number] for number in numbers]
        for number, (member, row) in enumerate(self._pairs()):
            for (start, end), parameters in zip(self._spans(member), row, strict=False):
                parameters[0].data = self.stack.values[number, start:end]
                parameters[0].grad = self.stack.gradients[number, start:end]
        self._rates = []
        if numbers:
            self.group()

    def _pairs(self) -> list[tuple[Member, list[list[nn.Parameter]]]]:
        return list(zip(self.members, self.rows, strict=True))

    def _spans(self, member: Member) -> list[tuple[int, int]]:
        """Columns of the parameter groups of a network: of each task where nothing is shared, else all."""
        return self.stack.parts[1:] if member.module.nothing_shared else [(0, self.stack.columns)]

    def _row(self, member: Member, number: int) -> list[list[nn.Parameter]]:
        """What is updated of a member, by its parameter groups: parts of its row, and what its weighting learns."""
        row = []
        for start, end in self._spans(member):
            part = nn.Parameter(self.stack.values[number, start:end])
            part.grad = self.stack.gradients[number, start:end]
            row.append([part])
        learned = list(member.module.weighting.parameters())
        return [*row, learned] if learned else row

    @staticmethod
    def _settings(member: Member, number: int) -> dict[str, Any]:
        group = member.optimizers[0].param_groups[number]
        return {key: value for key, value in group.items() if key not in OWN}

    def _link(self, member: Member, row: list[list[nn.Parameter]]) -> None:
        state = member.optimizers[0].state
        for p in member.module.weighting.parameters():
            state[p] = self.optimizer.state[p]
        parameters = dict(member.module.network.named_parameters())
        for (start, end), (part,) in zip(self._spans(member), row, strict=False):
            for place in self.stack.places:
                if start <= place.start < end:
                    first, last = place.start - start, place.end - start
                    state[parameters[place.name]] = {
                        name: value[first:last].view(place.shape) if is_row(value, part) else value
                        for name, value in self.optimizer.state[part].items()
                    }


def is_row(value: Any, part: Tensor) -> bool:
    """Whether what an optimizer keeps has one number for each parameter; the number of its steps is one for all."""
    return isinstance(value, Tensor) and value.shape == part.shape
