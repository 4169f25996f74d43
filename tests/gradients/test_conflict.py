"""Norms, cosines and conflict from a Gramian."""

import pytest
import torch

from mtl.gradients.conflict import norms_and_cosines, summarise_pairs

J = torch.tensor([[3.0, 0.0], [-4.0, 0.0], [0.0, 2.0], [0.0, 0.0]])


def test_norms_and_cosines_are_those_of_the_gradients() -> None:
    """Opposed, orthogonal, and a zero gradient, whose cosines are 0."""
    norms, cosines = norms_and_cosines(J @ J.T)
    assert norms.tolist() == [3, 4, 2, 0]
    assert cosines.tolist() == [[1, -1, 0, 0], [-1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_cosines_do_not_depend_on_the_size_of_the_gradients() -> None:
    """Each loss may have a unit of its own."""
    j = torch.randn(4, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    factors = torch.tensor([[1e-6], [1.0], [3.0], [1e6]], dtype=torch.float64)
    _, one = norms_and_cosines(j @ j.T)
    _, two = norms_and_cosines((factors * j) @ (factors * j).T)
    torch.testing.assert_close(one, two)


def test_rounding_below_zero_is_no_norm() -> None:
    """A diagonal element that rounding made negative counts as 0."""
    norms, cosines = norms_and_cosines(torch.tensor([[-1e-12, 0.0], [0.0, 4.0]]))
    assert norms.tolist() == [0, 2]
    assert cosines.isfinite().all()


def test_pairs_are_summarised() -> None:
    """Lengths 3, 4, 2 and 0: one of six pairs conflicts, and pairs with the zero gradient have similarity 0."""
    conflict, similarity = summarise_pairs(*norms_and_cosines(J @ J.T))
    assert conflict == pytest.approx(1 / 6)
    assert similarity == pytest.approx((24 / 25 + 12 / 13 + 16 / 20) / 6)


def test_gradients_of_one_length_are_alike() -> None:
    """Whatever their direction; two zero gradients, too."""
    for gramian in (torch.tensor([[4.0, -4.0], [-4.0, 4.0]]), torch.zeros(2, 2)):
        assert summarise_pairs(*norms_and_cosines(gramian)).magnitude_similarity == 1
