"""Pareto fronts and hypervolumes, by hand and by inclusion and exclusion."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl.comparison.statistics.pareto import front, hypervolume


def test_front_by_hand() -> None:
    assert front([[1, 3], [2, 2], [1, 2], [2, 2], [nan, 9]]) == [True, True, False, True, False]


def test_hypervolume_by_hand() -> None:
    assert hypervolume([[1, 3], [2, 2], [3, 1]], [0, 0]) == 6.0
    assert hypervolume([[1, 1, 1], [2, 0.5, 1]], [0, 0, 0]) == 1.5
    assert hypervolume([[1, -1]], [0, 0]) == 0.0
    assert hypervolume([[4.0]], [1.0]) == 3.0


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=6))
def test_hypervolume_agrees_with_inclusion_and_exclusion(points: list[tuple[float, ...]]) -> None:
    x = np.array(points)
    expected = 0.0
    for subset in range(1, 2 ** len(x)):
        chosen = x[[i for i in range(len(x)) if subset >> i & 1]]
        expected += (-1) ** (len(chosen) + 1) * chosen.min(0).prod()
    assert hypervolume(x, [0, 0, 0]) == pytest.approx(expected, abs=1e-9)
