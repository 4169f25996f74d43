"""Networks apart, held together by a penalty."""

from typing import Any

import numpy as np
import pytest
import torch

from mtl.errors import InputError
from mtl.sharing.soft_distance import spread, trace_norm
from tests.sharing.strategies import TASKS, assert_starts_as, build, every_pair


@pytest.mark.parametrize("distance", ["l2", "trace"])
def test_penalty_draws_towers_together(distance: str) -> None:
    sharing = build("soft_distance", "mlp", "flat", strength=1.0, distance=distance)
    before = sharing.penalty().item()
    optimizer = torch.optim.SGD(sharing.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        sharing.penalty().backward()
        optimizer.step()
    assert sharing.penalty().item() < before


@pytest.mark.parametrize("distance", ["l2", "trace"])
def test_penalty_is_that_of_the_formula(distance: str) -> None:
    """A sum over all parameters: of squared distances of all pairs over K, and of numpy's singular values."""
    sharing = build("soft_distance", "mlp", "flat", strength=0.3, distance=distance)
    expected = 0.0
    for parts in zip(*(sharing.encoders[name].parameters() for name in TASKS), strict=True):  # type: ignore[union-attr,index]
        rows = np.stack([part.detach().flatten().double().numpy() for part in parts])
        apart = sum(((a - b) ** 2).sum() for a in rows for b in rows) / 2
        expected += 0.3 * (apart / len(TASKS) if distance == "l2" else np.linalg.norm(rows, "nuc"))
    assert sharing.penalty().item() == pytest.approx(expected, rel=1e-4)


def test_distances_of_towers_by_hand() -> None:
    rows = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    assert spread(rows).item() == pytest.approx(2 * (1.5**2 + 2.0**2))
    assert trace_norm(rows).item() == pytest.approx(7.0)
    assert spread(torch.ones(3, 5)).item() == 0.0


@every_pair
def test_starts_as_networks_apart(trunk: str, kind: str) -> None:
    assert_starts_as("single_task", "soft_distance", trunk, kind, strength=0.0)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"distance": "trce"}, "trace"),
        ({"strength": -1}, "model.strength=-1"),
        ({"strength": float("nan")}, "model.strength=nan: expected a finite number"),
        ({"strength": 0, "distance": "trace"}, "model.distance=trace has no effect: expected it with model.strength"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("soft_distance", "mlp", "flat", **changes)
