"""A resumed training draws what the uninterrupted one would have drawn."""

from typing import Any

import torch

from mtl.module.random_state import RandomState


def test_draws_go_on_where_the_checkpoint_was_made() -> None:
    checkpoint: dict[str, Any] = {}
    RandomState().save(checkpoint)
    expected = torch.rand(5)
    resumed = RandomState()
    resumed.load(checkpoint)
    torch.rand(3)  # what is drawn between loading and the start of training does not count
    resumed.restore()
    assert torch.equal(torch.rand(5), expected)


def test_without_a_checkpoint_nothing_changes() -> None:
    before = torch.get_rng_state()
    RandomState().restore()
    assert torch.equal(torch.get_rng_state(), before)
