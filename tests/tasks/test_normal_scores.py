"""Normal scores follow the quantiles of the training labels, and lead back to the labels."""

import numpy as np
import pytest
import torch

from mtl.tasks.normal_scores import NormalScores

LABELS = torch.linspace(0, 1, 501).pow(3)


def test_scores_of_the_training_labels_are_normal_and_lead_back() -> None:
    scores = NormalScores(LABELS.quantile(torch.linspace(0, 1, 100)).tolist())
    found = scores.encode(LABELS)
    torch.testing.assert_close(torch.special.ndtr(found), torch.linspace(0, 1, 501), atol=0.01, rtol=0)
    torch.testing.assert_close(scores.decode(found), LABELS, atol=0.01, rtol=0)


def test_what_lies_outside_of_the_training_labels_counts_as_their_end() -> None:
    scores = NormalScores([0.0, 1.0, 10.0])
    assert scores.encode(torch.tensor([-5.0, 99.0])).equal(scores.encode(torch.tensor([0.0, 10.0])))
    assert scores.decode(torch.tensor([-9.0, 9.0])).tolist() == pytest.approx([0.0, 10.0])
    assert scores.encode(torch.tensor([torch.nan])).isnan().all()


def test_a_frequent_value_has_the_middle_of_its_levels() -> None:
    """As the average rank of equal labels."""
    scores = NormalScores([0.0] * 61 + list(np.linspace(1, 40, 40)))
    found = scores.encode(torch.tensor([0.0, 20.0]))
    assert torch.special.ndtr(found).tolist() == pytest.approx([0.3, 0.8], abs=0.01)
    assert scores.decode(found).tolist() == pytest.approx([0.0, 20.0], abs=0.5)
