"""Fields say which parameters serve whom."""

from matplotlib.patches import Rectangle

from mtl.inspection.parameters_figure import format_count, parameters_figure, parameters_picture


def test_fields_say_the_numbers() -> None:
    rows = [("trunk", {"a": 12_345, "b": 12_345}, True), ("heads.*", {"b": 7}, False)]
    (axes,) = parameters_figure(rows, ["a", "b"], left_out=2).axes
    assert [text.get_text() for text in axes.texts] == ["12.3k", "12.3k", "7"]
    filled = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_facecolor()[3] > 0]
    assert len(filled) == 3
    assert [label.get_text() for label in axes.get_yticklabels()] == ["trunk", "heads.*"]
    assert [format_count(n) for n in (0, 9999, 10_000, 2_500_000, 3 * 10**9)] == ["0", "9999", "10k", "2.5M", "3G"]


def test_a_picture_of_a_shape_is_drawn_once() -> None:
    rows = [("trunk", {"a": 8, "b": 8}, True), ("head", {"a": 3}, False)]
    first, again = (parameters_picture("sharing/parameters", rows, ["a", "b"]) for _ in range(2))
    assert again is first
    assert [value.tag for value in first.value] == ["sharing/parameters"]
    other = parameters_picture("sharing/parameters", [("trunk", {"a": 9, "b": 9}, True)], ["a", "b"])
    assert other.value[0].image.encoded_image_string != first.value[0].image.encoded_image_string
