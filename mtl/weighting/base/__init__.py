"""What every weighting promises, and three kinds of weightings.

A weighting turns the K losses of a step into ``.grad`` on the parameters. A :class:`LossWeighting` is an arrow from
losses to an objective, a :class:`GradientWeighting` an arrow from the Gramian of the task gradients to weights, a
:class:`DirectionWeighting` an arrow from the task gradients themselves to a direction. Everything else - several
processes, accumulated batches, scaled losses, tasks without labels, losses of unlike size - is dealt with here, once.

In any PyTorch loop::

    weighting = GradNorm(num_tasks=3)
    weighting.backward(losses, shared=trunk.parameters(), private=[head.parameters() for head in heads])
    optimizer.step()
"""

from mtl.weighting.base.contract import Weighting
from mtl.weighting.base.direction import DirectionWeighting
from mtl.weighting.base.gradient import GradientWeighting
from mtl.weighting.base.gradient_memory import UNLIKE_CALLS, GradientMemory
from mtl.weighting.base.loss import LossWeighting
from mtl.weighting.base.numbers import check_number
from mtl.weighting.base.preferring import PreferringWeighting
from mtl.weighting.base.step import WHOLE_STEP, Call, Losses, Step, trained
from mtl.weighting.base.writing import write_update

__all__ = [
    "UNLIKE_CALLS",
    "WHOLE_STEP",
    "Call",
    "DirectionWeighting",
    "GradientMemory",
    "GradientWeighting",
    "LossWeighting",
    "Losses",
    "PreferringWeighting",
    "Step",
    "Weighting",
    "check_number",
    "trained",
    "write_update",
]
