"""Numbers beside the points of a figure, none of them on a point or on another number."""

from collections.abc import Sequence
from math import cos, radians, sin

from matplotlib.axes import Axes

from mtl.comparison.report.drawing import INK, MUTED

SIZE = 8  # of a number, in points, as all lengths here
DIGIT = 0.65 * SIZE  # width of a digit, with room for the wider one of another font
POINT = 5.0  # half of the width of a point
DISTANCES = (10, 17, 25, 34)  # from the middle of a point to that of its number
BESIDE = 4  # so far a number may be beyond the axes
NEAR = DISTANCES[0]  # a number that is further away has a line to its point
ANGLES = (40, 140, 320, 220, 90, 0, 270, 180, 65, 115, 295, 245)  # the first that is free is taken

Box = tuple[float, float, float, float]  # left, bottom, right, top


def number_points(ax: Axes, points: Sequence[tuple[float, float]]) -> None:
    """Write 1, 2, ... beside the points, each where it covers no point and no number, as far as there is room.

    Args:
        ax: where the points are drawn; its limits and the layout of its figure have to be what they will be.
        points: in data coordinates, all finite.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the layout decides how far points are apart on paper
    unit = 72 / figure.dpi
    middles = [(x * unit, y * unit) for x, y in ax.transData.transform(list(points))] if points else []
    taken = [(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in middles]
    left, bottom, right, top = (edge * unit for edge in ax.bbox.extents)
    room = (left, bottom, right + BESIDE, top + BESIDE)
    for number, (point, middle) in enumerate(zip(points, middles, strict=True), start=1):
        width = DIGIT * len(str(number))
        found = [(offset, around(middle, offset, width)) for offset in offsets()]
        offset, box = min(found, key=lambda one: covered(one[1], taken, room))
        taken.append(box)
        far = offset[0] ** 2 + offset[1] ** 2 > (NEAR + 1) ** 2
        ax.annotate(
            str(number),
            point,
            xytext=offset,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=SIZE,
            color=INK,
            zorder=4,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 0}
            if far
            else None,
        )


def offsets() -> list[tuple[float, float]]:
    """Where a number may be relative to its point, the best place first."""
    return [(d * cos(radians(angle)), d * sin(radians(angle))) for d in DISTANCES for angle in ANGLES]


def around(middle: tuple[float, float], offset: tuple[float, float], width: float) -> Box:
    """The box of a number."""
    x, y = middle[0] + offset[0], middle[1] + offset[1]
    return x - width / 2, y - SIZE / 2, x + width / 2, y + SIZE / 2


def covered(box: Box, taken: Sequence[Box], room: Box) -> float:
    """How much of what is there a box would cover, and how much of it would be outside."""
    inside = overlap(box, room)
    return (box[2] - box[0]) * (box[3] - box[1]) - inside + sum(overlap(box, one) for one in taken)


def overlap(a: Box, b: Box) -> float:
    """The area that two boxes have in common."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)
