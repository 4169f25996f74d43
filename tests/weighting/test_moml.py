"""MOML: what holds for it alone."""

import math

import torch

from tests.weighting.problems import weights_after_held_out


def test_moml_by_hand() -> None:
    """Both held-out losses gain from task 1: its logit becomes 0.01, the other -0.01. Where one gains and the other
    loses, no weights are better for both, and they stay.
    """
    sigmoid = 1 / (1 + math.exp(-0.02))
    torch.testing.assert_close(weights_after_held_out("moml", [[1, 0], [1, 0]]), torch.tensor([sigmoid, 1 - sigmoid]))
    assert weights_after_held_out("moml", [[1, 0], [0, 1]]).tolist() == [0.5, 0.5]
