"""Which configurations are trained how far while all are screened: the worse half is let go of on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from mtl.training.budget import Budget

# The first part of a training that is looked at: one in so many of its epochs. With 3, the best configuration of one
# suite was lost in a quarter of the screenings (experiments/halving)
FIRST = 2
FEWEST = 2  # configurations that go on before the last rung, where there are as many


@dataclass(frozen=True)
class Rung:
    """A part of screening, after which the best go on.

    Attributes:
        seeds: on which the configurations that are left are trained.
        part: how much of each training: one in so many of its epochs.
        keep: how many of the configurations go on.
    """

    seeds: tuple[int, ...]
    part: int
    keep: int

    def until(self, budget: Budget) -> int | None:
        """After how many epochs a run of this budget is paused, at a validation; None: it is trained to its end."""
        if self.part == 1:
            return None
        epochs = budget.every * ceil(budget.epochs / (self.part * budget.every))
        return epochs if epochs < budget.epochs else None


def rungs(seeds: Sequence[int], configurations: int, *, halving: bool) -> list[Rung]:
    """The parts of a screening, the last of which has the seeds of all.

    Successive halving: Jamieson, Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
    AISTATS 2016, https://arxiv.org/abs/1502.07943. What each configuration is given is half of its first training,
    the whole of it, and the other seeds; after each of the first two the better half goes on.

    Deviations: two halves at most, since a training of a few thousand steps has no more stages that say something; no
    fewer than two configurations before the last part, in which they are compared by their ends alone.

    Args:
        seeds: of the screening.
        configurations: how many there are.
        halving: whether any are let go of; otherwise there is one part.

    Returns:
        One or more.
    """
    found, left = [], configurations
    for part, share in ((FIRST, 2), (1, 4)):
        keep = max(ceil(configurations / share), FEWEST)
        if halving and keep < left:
            found.append(Rung(tuple(seeds[:1]), part, keep))
            left = keep
    return [*found, Rung(tuple(seeds), 1, 1)]
