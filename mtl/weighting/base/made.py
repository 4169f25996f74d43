"""What the ``forward`` of a weighting makes: of another shape it would be spread over tasks that it is not of."""

from math import isfinite
from typing import Any

from torch import Tensor, nn

from mtl.errors import InputError

NOT_FINITE = "gives weights that are NaN or infinite, of gradients and losses that are finite"


def check_made(weighting: nn.Module, made: Any, size: tuple[int, ...], what: str) -> None:
    """Check what a weighting has made of the tasks of a step.

    Args:
        weighting: for the message.
        made: what it made.
        size: of the tensor that it should be.
        what: this is called, for the message.

    Raises:
        InputError: it is no tensor, or of another shape.
    """
    if not isinstance(made, Tensor) or made.shape != size:
        found = f"the shape {tuple(made.shape)}" if isinstance(made, Tensor) else f"a {type(made).__name__}"
        raise InputError(f"{type(weighting).__name__}.forward gives {found}: expected {what}, {list(size)}")


def check_finite_made(weighting: nn.Module, *made: Tensor) -> None:
    """Check numbers that a weighting has made of gradients and losses that are finite.

    Args:
        weighting: for the message.
        *made: weights, or a direction; a sum is finite where its parts are.

    Raises:
        InputError: one is NaN or infinite.
    """
    if not all(isfinite(float(one.sum())) for one in made):
        raise InputError(f"{type(weighting).__name__}.forward {NOT_FINITE}")
