"""Arrows and colours say how tasks are related."""

from itertools import pairwise

from matplotlib.backends.backend_agg import FigureCanvasAgg
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


def test_long_names_do_not_cover_each_other() -> None:
    names = ["expected_lifetime_of_customer", "expected_spending_of_customer", "expected_complaints_customer"]
    figure = tasks_figure([[name] for name in names], dict(zip(names, [(), names[:1], names[1:2]], strict=True)), ())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in figure.axes[0].texts]  # type: ignore[no-untyped-call]
    assert all(left.x1 + 20 < right.x0 for left, right in pairwise(boxes))
