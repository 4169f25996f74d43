"""After a search, a comparison tries several values for every configuration."""

import pytest

from mtl.config.search_space import Choice, Range, read_space
from mtl.sweep.search_grid import comparison_grid


def test_values_that_every_network_can_have() -> None:
    _, space = read_space(
        [
            "task=synthetic",
            "optimizer.lr=tag(log,interval(1e-4,1e-2))",
            "encoder.dropout=interval(0,0.4)",
            "encoder.widths=[64],[128]",
            "model=hard,gated",
            "weighting=uncertainty,gradnorm",
            "batch_size=range(64,257,64)",
        ]
    )
    best = [
        "optimizer.lr=0.002",
        "encoder.dropout=0.3",
        "encoder.widths=[64]",
        "model=gated",
        "weighting=gradnorm",
        "batch_size=64",
    ]
    assert comparison_grid(space, best) == {
        "optimizer.lr": ["0.002", "0.0003162", "0.003162"],
        "encoder.dropout": ["0.3", "0.1"],
        "encoder.widths": ["[64]", "[128]"],
    }


def test_whole_numbers_are_the_nearest_ones() -> None:
    """By hand: a quarter of the way from 16 to 256 is 32 on a logarithmic scale, and 6.75 of that from 1 to 24."""
    space = [Range("encoder.a", 16, 256, log=True), Range("encoder.b", 1, 24), Range("encoder.c", 10, 90, 20)]
    assert comparison_grid(space, ["encoder.a=64", "encoder.b=9", "encoder.c=50"]) == {
        "encoder.a": ["64", "32", "128"],
        "encoder.b": ["9", "7", "18"],
        "encoder.c": ["50", "30", "70"],
    }


def test_what_only_some_have_and_what_is_compared_is_not_tuned() -> None:
    """By hand: a quarter and three of what there is between; of a choice all values are tried."""
    kept = [Range("encoder.dropout", 0.0, 0.8), Choice("optimizer.nesterov", ("true", "false"))]
    others = [Range(key, 1, 9) for key in ("epochs", "task.rows", "model.experts", "weighting.every", "+task.more")]
    best = ["encoder.dropout=0.1", "optimizer.nesterov=false", *(f"{one.key}=5" for one in others)]
    found = comparison_grid([*kept, *others], best)
    assert found == {"encoder.dropout": ["0.1", "0.2", "0.6"], "optimizer.nesterov": ["true", "false"]}
    with pytest.raises(ValueError, match="longer"):
        comparison_grid(kept, best)
