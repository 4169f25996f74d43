"""Ranks of configurations by hand."""

from mtl.comparison.statistics.ranks import mean_ranks


def test_ranks_by_hand() -> None:
    assert mean_ranks([[0.9, 0.8, 0.8], [0.5, 0.7, 0.6]]) == [2.0, 1.75, 2.25]
