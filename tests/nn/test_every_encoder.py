"""Every encoder of conf/encoder on the first kind of input that it can read."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from mtl.config.factories import instantiate_node
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.nn.ft_transformer import FTTransformer
from mtl.nn.mlp import MLP
from mtl.testing import ENCODER_CHECKS
from tests.sharing.strategies import ALL_FITTING, CONF, SHAPES, SMALL, encoder, sample

DROPOUTS = [
    (trunk, kind, str(key))
    for trunk, kind in ALL_FITTING
    for key in OmegaConf.load(CONF / "encoder" / f"{trunk}.yaml")
    if "dropout" in str(key)
]


@pytest.mark.parametrize(("trunk", "kind"), ALL_FITTING, ids=map("-".join, ALL_FITTING))
@pytest.mark.parametrize("check", ENCODER_CHECKS, ids=lambda one: one.__name__)
def test_every_encoder(trunk: str, kind: str, check: Callable[..., None]) -> None:
    """What users' own encoders are tested by, too."""
    check(lambda: encoder(trunk)(SHAPES[kind]), lambda rows: sample(kind, rows))


@pytest.mark.parametrize(("trunk", "kind"), ALL_FITTING, ids=map("-".join, ALL_FITTING))
def test_whole_numbers_are_read_as_numbers(trunk: str, kind: str) -> None:
    """An own suite may serve them as they are, such as bytes of a picture."""
    made, rows = encoder(trunk)(SHAPES[kind]).eval(), sample(kind)
    whole = {name: (3 * one.nan_to_num()).long() if one.is_floating_point() else one for name, one in rows.items()}
    numbers = {name: one.float() if rows[name].is_floating_point() else one for name, one in whole.items()}
    assert torch.equal(made(whole), made(numbers))
    assert torch.equal(made.summary(whole), made.summary(numbers))


@pytest.mark.parametrize(("trunk", "kind", "key"), DROPOUTS, ids=map("-".join, DROPOUTS))
@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5])
def test_shares_that_are_dropped_leave_something(trunk: str, kind: str, key: str, share: float) -> None:
    """With all features set to zero nothing would be learned, without a word."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "encoder" / f"{trunk}.yaml"))
    node |= {name: value for name, value in SMALL.items() if name in node} | {key: share}
    with pytest.raises(InputError, match=rf"^encoder\.{key}={share}: expected a share of 0 or more and below 1$"):
        instantiate_node(node, "encoder")(SHAPES[kind])


@pytest.mark.parametrize(("trunk", "kind"), dict(ALL_FITTING).items(), ids=dict(ALL_FITTING))
def test_an_option_of_another_type_is_one_line(trunk: str, kind: str) -> None:
    """A configuration is checked by the types of its defaults; who calls from Python meets the encoder alone."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "encoder" / f"{trunk}.yaml"))
    node |= {name: value for name, value in SMALL.items() if name in node}
    wrong = {bool: "false", int: "2", float: "0.5", list: "64"}
    for key, value in node.items():
        if type(value) in wrong and not key.startswith("_"):
            with pytest.raises(InputError, match=rf"{key}={wrong[type(value)]}.*: expected"):
                instantiate_node(node | {key: wrong[type(value)]}, "encoder")(SHAPES[kind])


def test_sizes_are_whole_numbers() -> None:
    """True counts as 1 in Python, and 2.5 would reach the library underneath."""
    for widths in ([True], [2.5], [[8]], [], 8, None):
        with pytest.raises(InputError, match=r"^encoder\.widths=.*: expected the features of one stage or more"):
            MLP({SINGLE: (3,)}, widths)  # type: ignore[arg-type]
    assert MLP({SINGLE: (3,)}, [np.int64(8)]).widths == (8,)
    for depth in (True, 2.5, math.nan):
        with pytest.raises(InputError, match=r"^encoder\.width=64, heads=8, depth=.*: expected whole numbers"):
            FTTransformer({"numbers": (3,)}, depth=depth)  # type: ignore[arg-type]
