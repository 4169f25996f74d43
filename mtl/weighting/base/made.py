"""What the ``forward`` of a weighting makes: of another shape it would be spread over tasks that it is not of."""

from typing import Any

from torch import Tensor, nn

from mtl.errors import InputError


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
