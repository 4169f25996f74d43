"""Pictures of sharing say what the numbers say."""

import torch

from mtl.inspection.mixture_figure import mixture_figure


def test_heat_map_shows_every_number() -> None:
    figure = mixture_figure([torch.tensor([[0.25, 0.75], [-0.5, 1.0], [0.0, 1.0]])], ["a", "b", "c"])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["0.25", "0.75", "-0.50", "1.00", "0.00", "1.00"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]


def test_every_stage_has_a_panel() -> None:
    figure = mixture_figure([torch.eye(2), torch.full((2, 2), 0.5)], ["a", "b"])
    assert [axes.get_title() for axes in figure.axes] == ["stage 1", "stage 2"]
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [
        ["1.00", "0.00", "0.00", "1.00"],
        ["0.50"] * 4,
    ]
