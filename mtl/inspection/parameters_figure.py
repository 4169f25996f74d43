"""The figure of a network's parameters: which of them serve which task."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from torch.utils.tensorboard.summary import image

from mtl.inspection.colours import PRIVATE_COLOUR, SHARED_COLOUR
from mtl.picture import Picture

SHAPES = 16  # of networks whose pictures are kept: a run of a shape that was there needs no new one

Rows = tuple[tuple[str, tuple[tuple[str, int], ...], bool], ...]


def parameters_picture(
    tag: str, rows: Sequence[tuple[str, Mapping[str, int], bool]], names: Sequence[str], left_out: int = 0
) -> Any:
    """The picture of :func:`parameters_figure` for TensorBoard; those of the last shapes are kept.

    Args:
        tag: its name.
        rows: see there.
        names: see there.
        left_out: see there.

    Returns:
        A summary in TensorBoard's form, not to be changed.
    """
    plain = tuple((name, tuple(serves.items()), shared) for name, serves, shared in rows)
    return _picture(tag, plain, tuple(names), left_out)


@lru_cache(maxsize=SHAPES)
def _picture(tag: str, rows: Rows, names: tuple[str, ...], left_out: int) -> Any:
    figure = parameters_figure([(name, dict(serves), shared) for name, serves, shared in rows], names, left_out)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return image(tag, pixels, dataformats="HWC")  # type: ignore[no-untyped-call]


def parameters_figure(
    rows: Sequence[tuple[str, Mapping[str, int], bool]], names: Sequence[str], left_out: int = 0
) -> Figure:
    """Groups of parameters by tasks: a field says how many parameters of the group serve the task.

    Args:
        rows: name, numbers by task, and whether they are shared, of each group.
        names: of the tasks.
        left_out: groups that are not shown, since they are many and small.

    Returns:
        The figure.
    """
    longest = max((len(name) for name, _, _ in rows), default=0)
    figure = Picture(figsize=(1.5 + 0.075 * longest + 0.75 * len(names), 1.5 + 0.32 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for y, (_, serves, shared) in enumerate(rows):
        for x, name in enumerate(names):
            colour = "none" if name not in serves else SHARED_COLOUR if shared else PRIVATE_COLOUR
            axes.add_patch(Rectangle((x - 0.48, y - 0.44), 0.96, 0.88, facecolor=colour))
            if name in serves:
                text, ink = format_count(serves[name]), "white" if shared else "black"
                axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=8)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_xticks(range(len(names)), list(names), rotation=30, ha="right")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("trainable parameters that serve a task", fontsize=9)
    keys = [Patch(color=SHARED_COLOUR, label="shared"), Patch(color=PRIVATE_COLOUR, label="of its own (*: of each)")]
    title = f"{left_out} smaller groups left out" if left_out else None
    figure.legend(handles=keys, loc="outside lower right", ncols=2, frameon=False, fontsize=8, title=title)
    return figure


def format_count(number: int) -> str:
    """A number in a few characters, such as 12.3k."""
    for limit, unit in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= limit:
            return f"{number / (1000 if unit == 'k' else limit):.3g}{unit}"
    return str(number)
