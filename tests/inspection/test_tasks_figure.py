"""Arrows and colours say how tasks are related."""

from matplotlib.patches import FancyArrowPatch

from mtl.inspection.tasks_figure import tasks_figure


def test_arrows_go_from_what_is_seen_to_who_sees_it() -> None:
    seen = {"a": (), "b": ("a",), "c": ("a", "b")}
    (axes,) = tasks_figure([["a"], ["b"], ["c"]], seen, [["a", "c"]]).axes
    place = {text.get_text(): text.get_position() for text in axes.texts}
    assert place["a"][0] < place["b"][0] < place["c"][0]
    assert len([patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]) == 3
    edges = {text.get_text(): text.get_bbox_patch().get_edgecolor() for text in axes.texts}  # type: ignore[union-attr]
    assert edges["a"] == edges["c"] != edges["b"]
