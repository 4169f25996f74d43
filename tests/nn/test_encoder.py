"""Every encoder says what it reads, and names the encoder that fits where the inputs are others."""

from typing import Any

import pytest

from mtl.errors import InputError
from mtl.nn.candidates import CandidateSet
from mtl.nn.convolution import Convolution
from mtl.nn.encoder import SINGLE, InputShape
from mtl.nn.mlp import MLP
from mtl.nn.tabular import Tabular
from mtl.nn.transformer import Transformer

SET: InputShape = {"candidates": (None, 5), "mask": (None,), "context": (3,)}
TEXT: InputShape = {"tokens": (None,), "mask": (None,)}
TABLE: InputShape = {"numbers": (3,), "categories": (2,)}
FLAT: InputShape = {SINGLE: (6,)}
PICTURE: InputShape = {SINGLE: (1, 8, 8)}


@pytest.mark.parametrize(
    ("encoder", "shape", "fitting"),
    [
        (MLP, SET, "candidate_set"),
        (MLP, TABLE, "tabular"),
        (MLP, TEXT, "transformer"),
        (Convolution, FLAT, "mlp"),
        (CandidateSet, FLAT, "mlp"),
        (CandidateSet, PICTURE, "convolution"),
        (Tabular, PICTURE, "convolution"),
        (Transformer, TABLE, "tabular"),
    ],
)
def test_inputs_of_another_kind_name_the_encoder_that_fits(encoder: Any, shape: InputShape, fitting: str) -> None:
    with pytest.raises(InputError, match=rf"reads .*: use encoder={fitting}(, or task\.form=flat)?$"):
        encoder(shape)


def test_inputs_that_no_encoder_reads_need_one_of_ones_own() -> None:
    with pytest.raises(
        InputError, match=r"gives left \(5,\), right \(3,\): use an encoder of your own, such as a module"
    ):
        MLP({"left": (5,), "right": (3,)})


def test_unknown_norm_and_activation_name_the_nearest() -> None:
    with pytest.raises(InputError, match="batch"):
        MLP(FLAT, norm="batchnorm")
    with pytest.raises(InputError, match="relu"):
        MLP(FLAT, activation="rela")


@pytest.mark.parametrize("widths", [[], [8, 0]])
def test_every_width_is_at_least_one(widths: list[int]) -> None:
    with pytest.raises(InputError, match=r"encoder\.widths=.*: expected"):
        MLP(FLAT, widths)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"width": 10, "heads": 4}, "a width that is a multiple of heads"),
        ({"heads": 0}, "heads=0"),
        ({"depth": 0}, "depth=0"),
    ],
)
def test_attention_needs_heads_that_divide_the_width(options: dict[str, int], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        CandidateSet(SET, **options)
