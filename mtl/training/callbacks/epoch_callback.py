"""A callback that has no word at most of a step's stages."""

from typing import Any

from pytorch_lightning import Callback


class Brief(Callback):
    """A callback that has no word at most of a step's stages.

    Lightning calls every hook of every callback at every step, some forty calls that do nothing but cost as much as a
    small layer. A hook that is None it passes over.
    """

    on_train_batch_start: Any = None
    on_train_batch_end: Any = None
    on_before_zero_grad: Any = None
    on_before_backward: Any = None
    on_after_backward: Any = None
    on_before_optimizer_step: Any = None
