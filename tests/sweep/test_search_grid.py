"""After a search, a comparison tries several values for every configuration."""

from mtl.config.search_space import read_space
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
