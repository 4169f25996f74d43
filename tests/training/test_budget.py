"""The most that a run trains, and how often it is validated."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl.config.run_config import RunConfig
from mtl.training.budget import Budget, budget_of
from tests.support import tiny

NUMBERS = st.integers(1, 400)
CONFIG: RunConfig = tiny(Path("outputs"))


@given(NUMBERS, st.none() | NUMBERS, NUMBERS, NUMBERS)
def test_the_smaller_limit_counts_in_whole_epochs(epochs: int, most: int | None, every: int, steps: int) -> None:
    found = budget_of(CONFIG.changed(epochs=epochs, steps=most, validate_every=every), steps)
    assert 1 <= found.epochs <= epochs
    if most is None or found.key == "epochs":
        assert found.epochs == epochs
        assert most is None or steps * (epochs - 1) < most
    else:
        assert steps * (found.epochs - 1) < most <= steps * found.epochs
    assert 1 <= found.every <= found.epochs
    assert found.every == found.epochs or steps * (found.every - 1) < every <= steps * found.every


@pytest.mark.parametrize(
    ("epochs", "most", "every", "expected"),
    [
        (10, None, 25, Budget(10, 3, "epochs")),
        (10, 95, 20, Budget(10, 2, "epochs")),  # the last of ten epochs is begun
        (10, 90, 20, Budget(9, 2, "steps")),
        (10, 1, 500, Budget(1, 1, "steps")),
    ],
)
def test_which_limit_ends_a_training_of_ten_steps_an_epoch(
    epochs: int, most: int | None, every: int, expected: Budget
) -> None:
    """A report names the key that would have to be more."""
    assert budget_of(CONFIG.changed(epochs=epochs, steps=most, validate_every=every), 10) == expected
