"""The figure of affinities says what the numbers say."""

import pytest
import torch

from mtl.inspection.affinity_figure import affinity_figure


def test_heat_map_puts_tasks_that_help_each_other_side_by_side() -> None:
    affinity = torch.tensor([[1.0, -1, 0.9, -1], [-1, 1, -1, 0.8], [0.9, -1, 1, -1], [-1, 0.8, -1, 1]])
    figure = affinity_figure({"lookahead": affinity, "cosine": -affinity}, tuple("abcd"), ["ac", "bd"])
    for axes in figure.axes:  # the second in the order of the first
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert {frozenset(labels[:2]), frozenset(labels[2:])} == {frozenset("ac"), frozenset("bd")}
        colours = {label.get_text(): label.get_color() for label in axes.get_yticklabels()}
        assert colours["a"] == colours["c"] != colours["b"] == colours["d"]
        assert len(axes.texts) == 16
    assert figure.axes[1].texts[1].get_text() == "-0.9"


def test_what_was_not_measured_is_no_field() -> None:
    affinity = torch.tensor([[0.0, torch.nan, 0.1], [0.3, 0.0, 0.2], [-0.6, torch.nan, 0.0]])
    (axes,) = affinity_figure({"pairwise": affinity}, tuple("abc"), ["ab"]).axes
    assert sorted(text.get_text() for text in axes.texts) == ["", "", "-0.6", "0", "0", "0", "0.1", "0.2", "0.3"]
    assert axes.images[0].get_clim() == pytest.approx((-0.6, 0.6))
