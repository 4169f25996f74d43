"""How long a run may train at most, and how often it is validated."""

from dataclasses import dataclass
from typing import Literal

from mtl.config.run_config import RunConfig


@dataclass(frozen=True)
class Budget:
    """The most that a run trains.

    Attributes:
        epochs: most epochs.
        every: epochs from one validation to the next.
        key: of the config, that limits the epochs.
    """

    epochs: int
    every: int
    key: Literal["epochs", "steps"]


def budget_of(config: RunConfig, steps: int) -> Budget:
    """The budget of a run.

    The smaller of ``epochs`` and ``steps`` of the config counts, in whole epochs and at least one; validation comes
    with the first end of an epoch that is ``validate_every`` optimizer steps or more after the last one.

    Args:
        config: of the run.
        steps: optimizer steps of an epoch.

    Returns:
        The budget.
    """
    within = config.epochs if config.steps is None else -(-config.steps // steps)
    epochs = min(config.epochs, within)
    every = min(epochs, -(-config.validate_every // steps))
    return Budget(epochs, every, "steps" if within < config.epochs else "epochs")
