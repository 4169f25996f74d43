"""Weights on the simplex, of all tasks or of some."""

import torch

from mtl.weighting.state.simplex import SimplexWeights, normalise_to_simplex
from mtl.weighting.state.task_values import scatter_tasks, select_tasks


def test_shares_have_sum_one_also_of_nothing() -> None:
    """In proportion to the numbers, equal where all are zero."""
    torch.testing.assert_close(normalise_to_simplex(torch.tensor([1.0, 3.0])), torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(normalise_to_simplex(torch.zeros(4)), torch.full((4,), 0.25))


def test_tasks_that_are_left_out_keep_their_weight() -> None:
    """The others divide the sum that they had."""
    weights = SimplexWeights(4)
    weights.update(torch.tensor([1, 3]), torch.tensor([0.1, 0.9]))
    torch.testing.assert_close(weights.values, torch.tensor([0.25, 0.05, 0.25, 0.45]))
    torch.testing.assert_close(weights.select(torch.tensor([1, 3])), torch.tensor([0.1, 0.9]))


def test_numbers_of_some_tasks_are_read_and_written_in_order() -> None:
    """What is written at some tasks is read there."""
    values = torch.arange(4.0)
    for tasks in ([0, 1, 2, 3], [0, 2], [3]):
        index = torch.tensor(tasks)
        new = 10 + torch.rand(len(tasks))
        scatter_tasks(values, index, new)
        assert torch.equal(select_tasks(values, index), new)
    assert values[1] >= 10
