"""Every encoder of conf/encoder on the first kind of input that it can read."""

from collections.abc import Callable
from typing import Any

import pytest
from omegaconf import OmegaConf

from mtl.config.factories import instantiate_node
from mtl.errors import InputError
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


@pytest.mark.parametrize(("trunk", "kind", "key"), DROPOUTS, ids=map("-".join, DROPOUTS))
@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5])
def test_shares_that_are_dropped_leave_something(trunk: str, kind: str, key: str, share: float) -> None:
    """With all features set to zero nothing would be learned, without a word."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "encoder" / f"{trunk}.yaml"))
    node |= {name: value for name, value in SMALL.items() if name in node} | {key: share}
    with pytest.raises(InputError, match=rf"^encoder\.{key}={share}: expected a share of 0 or more and below 1$"):
        instantiate_node(node, "encoder")(SHAPES[kind])
