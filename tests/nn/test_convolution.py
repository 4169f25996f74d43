"""Series and pictures."""

import pytest
import torch

from mtl.errors import InputError
from mtl.nn.convolution import Convolution
from mtl.nn.encoder import SINGLE, InputShape


@pytest.mark.parametrize("shape", [(2, 9), (1, 8, 8), (3, 5, 7), (1, 1, 1), (4, 1)])
def test_any_size(shape: tuple[int, ...]) -> None:
    encoder = Convolution({SINGLE: shape}, [8, 16, 8]).eval()
    inputs = {SINGLE: torch.randn(4, *shape)}
    assert encoder(inputs).shape == (4, encoder.out_features)
    assert encoder.summary(inputs).shape == (4, encoder.summary_features)
    torch.testing.assert_close(encoder(inputs)[1:2], encoder({SINGLE: inputs[SINGLE][1:2]}))


def test_every_stage_but_the_first_halves_the_places() -> None:
    encoder, inputs = Convolution({SINGLE: (1, 8, 8)}, [4, 8, 8]), {SINGLE: torch.randn(2, 1, 8, 8)}
    hidden = encoder.stem(inputs)
    shapes = []
    for stage in encoder.stages:
        hidden = stage(hidden, inputs)
        shapes.append(tuple(hidden.shape[1:]))
    assert shapes == [(8, 8, 4), (4, 4, 8), (8,)]


def test_a_picture_moved_by_a_whole_stride_is_much_the_same() -> None:
    """Convolutions look at places, not at pixels by number: inside a blank frame the average moves with the
    picture.
    """
    encoder = Convolution({SINGLE: (1, 24, 24)}, [8], norm="none").eval()
    picture = torch.zeros(1, 1, 24, 24)
    picture[..., 8:12, 8:12] = torch.randn(4, 4)
    moved = picture.roll((4, 4), (2, 3))
    torch.testing.assert_close(encoder({SINGLE: picture}), encoder({SINGLE: moved}), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", [{SINGLE: (6,)}, {"tokens": (None,), "mask": (None,)}, {SINGLE: (1, 2, 3, 4)}])
def test_other_inputs_are_refused(shape: InputShape) -> None:
    with pytest.raises(InputError, match="encoder=convolution reads"):
        Convolution(shape)


def test_every_width_is_at_least_one() -> None:
    with pytest.raises(InputError, match=r"encoder\.widths=\[0\]: expected"):
        Convolution({SINGLE: (1, 6)}, [0])
