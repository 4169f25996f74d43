"""What every weighting promises, and the three ways to keep the promise.

A weighting turns the K losses of a step into ``.grad`` on the parameters. A :class:`LossWeighting` is an arrow from
losses to an objective, a :class:`GradientWeighting` an arrow from the Gramian of the task gradients to weights, a
:class:`DirectionWeighting` an arrow from the task gradients themselves to a direction. Everything else - several
processes, accumulated batches, scaled losses, tasks without labels, losses of unlike size - is dealt with here, once.

In any PyTorch loop::

    weighting = GradNorm(num_tasks=3)
    weighting.backward(losses, shared=trunk.parameters(), private=[head.parameters() for head in heads])
    optimizer.step()
"""

from mtl.weighting.base.contract import WHOLE_STEP, Call, Losses, Step, Weighting
from mtl.weighting.base.direction import DirectionWeighting
from mtl.weighting.base.gradient import GradientWeighting
from mtl.weighting.base.loss import LossWeighting
from mtl.weighting.base.numbers import check_number
from mtl.weighting.base.preferring import PreferringWeighting

__all__ = [
    "WHOLE_STEP",
    "Call",
    "DirectionWeighting",
    "GradientWeighting",
    "LossWeighting",
    "Losses",
    "PreferringWeighting",
    "Step",
    "Weighting",
    "check_number",
]
