"""The random state of a training, in its checkpoints and beside what draws for itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

KEY = "random_state"  # of a checkpoint


@contextmanager
def unchanged_random_state() -> Iterator[None]:
    """What is drawn, or seeded, in the meantime changes nothing of what is drawn afterwards."""
    begun = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(range(torch.cuda.device_count()) if begun else []):
        yield
    if torch.cuda.is_available() and not begun:  # a seed waits until CUDA begins, and that of now is to be the last one
        torch.cuda.manual_seed_all(torch.initial_seed())


class RandomState:
    """Carries the random state from a checkpoint to the start of the training that goes on from it.

    A resumed run so draws what the uninterrupted one would have drawn.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, Tensor] = {}

    @staticmethod
    def save(checkpoint: dict[str, Any]) -> None:
        """Put the state of now into a checkpoint."""
        checkpoint[KEY] = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            checkpoint[KEY]["cuda"] = torch.cuda.get_rng_state()

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state of a checkpoint until training starts: until then, other things draw numbers."""
        self._loaded = checkpoint[KEY]

    def restore(self) -> None:
        """Go on with the state of the checkpoint, if one was loaded."""
        if not self._loaded:
            return
        torch.set_rng_state(self._loaded["cpu"].cpu())
        if torch.cuda.is_available() and "cuda" in self._loaded:
            torch.cuda.set_rng_state(self._loaded["cuda"].cpu())
