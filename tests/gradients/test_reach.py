"""Which losses reach which parameters."""

import torch
from torch import nn
from torch.nn import Parameter

from mtl.gradients.reach import foreign_reader, leaves


def test_the_loss_and_the_owner_of_what_it_reaches() -> None:
    """By a way that has a gradient; nothing where each loss reaches what is its own and what is nobody's."""
    shared, one, two = (Parameter(torch.tensor([float(i), 1.0])) for i in range(3))
    apart = [(shared * one).sum(), (shared * two).sum()]
    assert foreign_reader(apart, [[one], [two]]) is None
    assert foreign_reader([apart[0], apart[1] + one.sum()], [[one], [two]]) == (1, 0)
    assert foreign_reader([apart[0] * two[0], apart[1]], [[one], [two]]) == (0, 1)
    assert foreign_reader([apart[0] + two.detach().sum(), apart[1]], [[one], [two]]) is None
    assert foreign_reader(apart, [[], []]) is None


def test_a_way_without_a_gradient_is_none() -> None:
    """Parameters put together, of which each loss reads its own row; also beside what is not finite."""
    one, two = Parameter(torch.ones(2)), Parameter(torch.ones(2))
    both = torch.stack([one, two])
    assert foreign_reader([both[0].sum(), both[1].sum()], [[one], [two]]) is None
    out = both @ torch.tensor([torch.inf, 1.0])
    assert foreign_reader([out[0], out[1]], [[one], [two]]) is None


def test_sparse_gradients_count_too() -> None:
    """Of an embedding that another task looks up."""
    table, two = nn.Embedding(3, 2, sparse=True), Parameter(torch.ones(2))
    looked_up = table(torch.tensor([1]))
    assert foreign_reader([looked_up.sum(), (looked_up * two).sum()], [[table.weight], [two]]) == (1, 0)


def test_the_leaves_of_a_graph() -> None:
    """Each once; a number without a graph has none."""
    one, two = Parameter(torch.ones(2)), Parameter(torch.ones(2))
    found = leaves((one * two + one).sum())
    assert {id(p) for p in found} == {id(one), id(two)}
    assert len(found) == 2
    assert leaves(torch.tensor(1.0)) == []
