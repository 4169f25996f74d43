"""The most that a run trains, and how often it is validated."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mtl.config.run_config import RunConfig
from mtl.training.budget import budget_of
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
