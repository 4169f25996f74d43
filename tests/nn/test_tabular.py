"""Missing numbers and categories."""

import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, InputShape
from mtl.nn.tabular import Tabular, check_values

TABLE: InputShape = {"numbers": (3,), "categories": (2,)}
TEXT: InputShape = {"tokens": (None,), "mask": (None,)}


def test_missing_number_differs_from_zero() -> None:
    encoder = Tabular({SINGLE: (3,)}, [8])
    zero, missing = {SINGLE: torch.zeros(1, 3)}, {SINGLE: torch.tensor([[0.0, torch.nan, 0.0]])}
    assert encoder(missing).isfinite().all()
    assert not torch.allclose(encoder(zero), encoder(missing))
    assert encoder.summary(missing).tolist() == [[0, 0, 0, 0, 1, 0]]


def test_nan_reaches_no_gradient() -> None:
    encoder = Tabular({SINGLE: (3,)}, [8])
    encoder({SINGLE: torch.full((2, 3), torch.nan)}).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_categories_have_vectors_of_their_own() -> None:
    encoder = Tabular(TABLE, [8], values=3)
    numbers = torch.zeros(5, 3)
    categories = torch.tensor([[-1, 0], [0, 0], [1, 0], [2, 0], [3, 0]])
    out = encoder({"numbers": numbers, "categories": categories})
    assert not any(torch.allclose(out[a], out[b]) for a, b in ((0, 1), (1, 2), (2, 3)))
    torch.testing.assert_close(out[4], out[0])  # the table has three: the fourth value counts as missing


def test_a_table_of_vectors_has_one_for_each_category() -> None:
    check_values(Tabular(TABLE, [8], values=3), 3)
    with pytest.raises(
        InputError, match=r"encoder\.values=3 and a column of 4 categories: expected .*values=4 or more"
    ):
        check_values(Tabular(TABLE, [8], values=3), 4)


def test_categories_alone() -> None:
    encoder = Tabular({"categories": (2,)}, [8])
    inputs = {"categories": torch.tensor([[0, 5]])}
    assert encoder(inputs).shape == (1, 8)
    assert encoder.summary(inputs).shape == (1, encoder.summary_features)


@pytest.mark.parametrize("shape", [{SINGLE: (2, 3)}, {}, TEXT])
def test_other_inputs_are_refused(shape: InputShape) -> None:
    with pytest.raises(InputError, match="encoder=tabular reads"):
        Tabular(shape)


def test_a_single_tensor_is_read_as_numbers() -> None:
    torch.manual_seed(0)
    single = Tabular({SINGLE: (3,)}, [8])
    torch.manual_seed(0)
    numbers = Tabular({"numbers": (3,)}, [8])
    rows = torch.tensor([[1.0, torch.nan, 2.0], [0.0, 3.0, 4.0]])
    assert single({SINGLE: rows}).equal(numbers({"numbers": rows}))


def test_there_is_a_layer_at_least() -> None:
    with pytest.raises(InputError, match="widths"):
        Tabular({SINGLE: (3,)}, [])
