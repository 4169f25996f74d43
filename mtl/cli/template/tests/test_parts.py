"""The parts of this project do what mtl's own do: the same checks, which mtl's tests run on its parts."""

from collections.abc import Callable

import pytest
import torch
from acme.encoder import Products
from acme.environment import Warn
from acme.head import WideHead
from acme.sharing import OwnLayer
from acme.suite import Deliveries
from acme.weighting import LargestFirst

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs
from mtl.nn.mlp import MLP
from mtl.testing import (
    ENCODER_CHECKS,
    ENVIRONMENT_CHECKS,
    HEAD_CHECKS,
    SHARING_CHECKS,
    SUITE_CHECKS,
    WEIGHTING_CHECKS,
)

SHAPE = {SINGLE: (4,)}


def name(check: Callable[..., None]) -> str:
    """A check as the id of a test."""
    return check.__name__


def rows(count: int) -> Inputs:
    """Random inputs."""
    return {SINGLE: torch.randn(count, 4)}


@pytest.mark.parametrize("check", SUITE_CHECKS, ids=name)
def test_suite(check: Callable[..., None]) -> None:
    """The suite."""
    check(Deliveries)


@pytest.mark.parametrize("check", WEIGHTING_CHECKS, ids=name)
def test_weighting(check: Callable[..., None]) -> None:
    """The weighting."""
    check(LargestFirst)


@pytest.mark.parametrize("encoder", [lambda shape: MLP(shape, [8, 6]), Products], ids=["mlp", "products"])
@pytest.mark.parametrize("check", SHARING_CHECKS, ids=name)
def test_sharing(check: Callable[..., None], encoder: Callable[..., MLP | Products]) -> None:
    """The sharing strategy, on two encoders."""
    check(lambda names: OwnLayer(SHAPE, names, encoder), rows)


@pytest.mark.parametrize("check", ENCODER_CHECKS, ids=name)
def test_encoder(check: Callable[..., None]) -> None:
    """The encoder."""
    check(lambda: Products(SHAPE), rows)


@pytest.mark.parametrize("check", HEAD_CHECKS, ids=name)
def test_head(check: Callable[..., None]) -> None:
    """The head of one task."""
    check(lambda features: WideHead(features, columns=4), rows)


@pytest.mark.parametrize("check", ENVIRONMENT_CHECKS, ids=name)
def test_environment(check: Callable[..., None]) -> None:
    """The environment, with runs on the suite."""
    check(Warn, Deliveries)


@pytest.mark.parametrize("share", [0, 3.0, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    """In one line, and not silently taken for another one."""
    with pytest.raises(InputError, match=r"^share=.*: expected a finite number, above 0 and at most 1"):
        Warn(share)
