"""A policy without training, and small shops to act in."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mtl.suites.scheduling.features import CANDIDATE_FEATURES
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.rollout import Policy, network_policy

Predict = Callable[[dict[str, Tensor]], dict[str, Tensor]]


def random_network(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Logits that are a fixed random function of each candidate; utilisation is always expected to be a half."""
    weights = torch.randn(len(CANDIDATE_FEATURES), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    logits = (inputs["candidates"].double() * weights).sum(-1).float()
    return {
        "assignment": logits.masked_fill(~inputs["mask"], -torch.inf),
        "utilisation": torch.full((len(logits),), 0.5),
    }


@pytest.fixture
def predict() -> Predict:
    """A network that has learned nothing."""
    return random_network


@pytest.fixture
def policy(predict: Predict) -> Policy:
    """Its policy."""
    return network_policy(lambda inputs: predict(inputs)["assignment"])


@pytest.fixture
def instances() -> list[JobShop]:
    """Three published instances of one size."""
    return select("la01..la03")
