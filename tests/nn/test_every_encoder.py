"""Every encoder of conf/encoder on the first kind of input that it can read."""

from collections.abc import Callable

import pytest

from mtl.testing import ENCODER_CHECKS
from tests.sharing.strategies import ALL_FITTING, SHAPES, encoder, sample


@pytest.mark.parametrize(("trunk", "kind"), ALL_FITTING, ids=map("-".join, ALL_FITTING))
@pytest.mark.parametrize("check", ENCODER_CHECKS, ids=lambda one: one.__name__)
def test_every_encoder(trunk: str, kind: str, check: Callable[..., None]) -> None:
    """What users' own encoders are tested by, too."""
    check(lambda: encoder(trunk)(SHAPES[kind]), lambda rows: sample(kind, rows))
