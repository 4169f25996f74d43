"""Pareto fronts and hypervolumes, by hand and by inclusion and exclusion."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl.comparison.statistics.pareto import MOST_WORK, front, hypervolume, hypervolume_contributions


def test_front_by_hand() -> None:
    assert front([[1, 3], [2, 2], [1, 2], [2, 2], [nan, 9]]) == [True, True, False, True, False]


def test_hypervolume_by_hand() -> None:
    assert hypervolume([[1, 3], [2, 2], [3, 1]], [0, 0]) == 6.0
    assert hypervolume([[1, 1, 1], [2, 0.5, 1]], [0, 0, 0]) == 1.5
    assert hypervolume([[1, -1]], [0, 0]) == 0.0
    assert hypervolume([[4.0]], [1.0]) == 3.0


def test_what_is_lost_without_a_point_by_hand() -> None:
    """Scaled to [0, 1], the reference a tenth below: 0.11 + 0.3 + 0.05 in all, and 0.11 + 0.1 without the middle."""
    points = np.array([[10.0, 3.0], [20.0, 1.0], [15.0, 2.0]])
    assert hypervolume_contributions(points) == pytest.approx([0.05 / 0.46, 0.05 / 0.46, 0.25 / 0.46])
    beaten = np.array([[1.0, 5.0], [2.0, 5.0]])  # one objective is the same for both
    assert hypervolume_contributions(beaten) == pytest.approx([0.0, 1 - 0.1 / 1.1])
    assert all(map(isnan, hypervolume_contributions(np.array([[1.0, nan], [2.0, 5.0]]))))
    many = np.random.default_rng(0).random((int(MOST_WORK**0.5), 3))
    assert len(hypervolume_contributions(many[:3])) == 3
    assert all(map(isnan, hypervolume_contributions(np.append(many, many[:1], 0))))


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=6))
def test_hypervolume_agrees_with_inclusion_and_exclusion(points: list[tuple[float, ...]]) -> None:
    x = np.array(points)
    expected = 0.0
    for subset in range(1, 2 ** len(x)):
        chosen = x[[i for i in range(len(x)) if subset >> i & 1]]
        expected += (-1) ** (len(chosen) + 1) * chosen.min(0).prod()
    assert hypervolume(x, [0, 0, 0]) == pytest.approx(expected, abs=1e-9)
