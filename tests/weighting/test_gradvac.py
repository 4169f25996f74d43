"""GradVac: what holds for it alone."""

import pytest
import torch

from mtl.weighting.base import GradientWeighting
from tests.weighting.gradients import ROOT, J
from tests.weighting.problems import make


def test_gradvac_turns_a_gradient_to_its_target() -> None:
    """``p_1`` is turned until its cosine with ``g_2`` is 0.3; ``g_2`` is content with any."""
    weighting = make("gradvac", 2, beta=0.5)
    assert isinstance(weighting, GradientWeighting)
    targets = weighting.state_dict()["targets"]
    targets.copy_(torch.tensor([[0.0, 0.3], [-1.0, 0.0]]))
    turned = weighting(J @ J.T, torch.ones(2), torch.arange(2)).float() @ J - J[1]
    assert float(torch.nn.functional.cosine_similarity(turned, J[1], 0)) == pytest.approx(0.3, abs=1e-5)
    cosine = -1 / ROOT
    torch.testing.assert_close(targets[0, 1], torch.tensor(0.5 * 0.3 + 0.5 * cosine))
    torch.testing.assert_close(targets[1, 0], torch.tensor(-0.5 + 0.5 * cosine))


def test_targets_keep_double_precision() -> None:
    weighting = make("gradvac", 2, beta=0.5).double()
    assert isinstance(weighting, GradientWeighting)
    weighting(J.double() @ J.double().T, torch.ones(2).double(), torch.arange(2))
    assert float(weighting.state_dict()["targets"][0, 1]) == pytest.approx(-0.5 / ROOT, abs=1e-14)
