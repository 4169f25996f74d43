"""Products of task gradients in pieces are those of the whole rows."""

import pytest
import torch
from torch import Tensor

from mtl.gradients import gramian
from mtl.gradients.gramian import all_finite, gramian_of, split_columns


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of seven numbers are long, a Jacobian of them large, and pieces do not come out even."""
    for name, value in {"LONG": 7, "IN_ONE_PIECE": 8, "COLUMNS": 3, "NUMBERS": 8}.items():
        monkeypatch.setattr(gramian, name, value)


def products(one: Tensor, two: Tensor) -> Tensor:
    """Inner products of the rows of two matrices, number by number."""
    rows = [[sum(a * b for a, b in zip(i, j, strict=True)) for j in two.tolist()] for i in one.tolist()]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("numbers", [1, 6, 7])
@pytest.mark.parametrize("tasks", [1, 3, 4])
def test_elements_are_inner_products(tasks: int, numbers: int) -> None:
    """Row by row, in pieces and in one product; also with another matrix, where the order matters."""
    one, two = torch.randn(2, tasks, numbers, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(gramian_of(one), products(one, one))
    torch.testing.assert_close(gramian_of(one, two), products(one, two))


@pytest.mark.parametrize("tasks", [2, 3, 20])
def test_pieces_are_views_of_the_same_columns(tasks: int) -> None:
    """Each column once, in its order, as many at a time as asked for, at least one."""
    jacobian, other, vector = torch.arange(5.0).expand(tasks, -1).clone(), torch.zeros(tasks, 5), torch.zeros(5)
    widths = []
    for part, same, numbers in split_columns(jacobian, other, vector):
        widths.append(part.shape[1])
        same.copy_(part)
        numbers.copy_(part[0])
    assert widths == {2: [4, 1], 3: [2, 2, 1], 20: [1] * 5}[tasks]
    assert torch.equal(other, jacobian)
    assert vector.tolist() == [0, 1, 2, 3, 4]


def test_one_number_that_is_not_finite_is_enough() -> None:
    assert all_finite(torch.tensor([[1.0, torch.nan], [torch.nan, 2.0]]))
    for broken in (torch.nan, torch.inf, -torch.inf):
        assert not all_finite(torch.tensor([[1.0, 0.0], [0.0, broken]]))
