"""Evaluation mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode; afterwards, also on errors, it is in the mode that it was in before."""
    training = module.training
    if not any(part.training for part in module.modules()):  # setting the mode takes longer than some predictions
        yield
        return
    module.eval()
    try:
        yield
    finally:
        module.train(training)
