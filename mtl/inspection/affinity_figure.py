"""The figure of affinities: which tasks help each other."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from torch import Tensor

from mtl.inspection.colours import GROUP_COLOURS
from mtl.picture import Picture

READABLE = 12  # tasks up to which a matrix shows its numbers
MEANINGS = {
    "features": "how alike what they need of the inputs is",
    "lookahead": "gain from a step for one, of that from an own step",
    "cosine": "of the tasks' gradients",
    "pairwise": "share by which training beside one lowers the loss of another",
}


def affinity_figure(matrices: Mapping[str, Tensor], names: Sequence[str], groups: Sequence[Sequence[str]]) -> Figure:
    """Heat maps of affinities ``[K, K]``, of a row onto a column, tasks that help each other side by side.

    The order is that of a hierarchical clustering (average linkage) by the first measure, in which a pair is as near as
    both help each other; names of one group have one colour.

    Args:
        matrices: by measure; the one that decided comes first.
        names: of the tasks.
        groups: of names.

    Returns:
        The figure.
    """
    order = cluster_order(next(iter(matrices.values())).double().numpy())
    labels = [names[i] for i in order]
    colour = {name: GROUP_COLOURS[i % len(GROUP_COLOURS)] for i, group in enumerate(groups) for name in group}
    size = 1.2 + (0.55 if len(names) <= READABLE else 0.25) * len(names)
    figure = Picture(figsize=((size + 0.9) * len(matrices), size + 0.6), layout="constrained")
    for place, (measure, matrix) in enumerate(matrices.items()):
        axes = figure.add_subplot(1, len(matrices), place + 1)
        draw_heat_map(axes, matrix.double().numpy()[order][:, order])
        axes.set_xticks(range(len(names)), labels, rotation=45, ha="right")
        axes.set_yticks(range(len(names)), labels)
        for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            text.set_color(colour.get(text.get_text(), "black"))
        axes.set_xlabel("onto")
        axes.set_ylabel("of")
        axes.set_title(f"{measure}\n{MEANINGS[measure]}", fontsize=8)
    return figure


def cluster_order(values: NDArray[np.float64]) -> list[int]:
    """An order of the tasks, by their affinities ``[K, K]``, in which those that help each other stand side by side.

    What was not measured, NaN, is as 0.
    """
    tasks = range(len(values))
    if len(tasks) < 3:
        return list(tasks)
    known = np.nan_to_num(values)
    mutual = (known + known.T) / 2
    pairs = [mutual.max() - mutual[i, j] for i, j in combinations(tasks, 2)]
    return [int(i) for i in leaves_list(linkage(pairs, "average"))]


def draw_heat_map(axes: Axes, values: NDArray[np.float64]) -> None:
    """Draw fields, with their numbers where there is room: blue helps, red hurts, none where nothing was measured.

    The diagonal, a task onto itself, does not set the scale.
    """
    others = np.nan_to_num(abs(values[~np.eye(len(values), dtype=bool)]))
    limit = max(others.max(initial=0.0), 1e-9)
    axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit)
    for (row, column), value in np.ndenumerate(values) if len(values) <= READABLE else ():
        colour = "white" if abs(value) > 0.6 * limit else "black"
        text = "" if np.isnan(value) else f"{value:.2g}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
