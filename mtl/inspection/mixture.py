"""Pictures of sharing: who draws on which expert, which tasks help each other."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from torch import Tensor

SHARED_COLOUR = "#4c72b0"
PRIVATE_COLOUR = "#dd8452"
GROUP_COLOURS = ("#0072b2", "#d55e00", "#00785a", "#7a5195", "#8a6500", "#b0407a", "#1a1a1a", "#6b6b6b")
READABLE = 12  # tasks up to which a matrix shows its numbers
MEANINGS = {
    "lookahead": "share by which a step for one lowers the loss of another",
    "cosine": "of the tasks' gradients",
    "pairwise": "share by which training beside one lowers the loss of another",
}


def mixture_figure(mixtures: Sequence[Tensor], names: Sequence[str]) -> Figure:
    """Heat maps of mixtures ``[K, E]``, one for each stage: rows are tasks, columns are experts, every field with its
    number.

    Blue is drawn on, red is drawn on with a negative sign; white is not used.
    """
    stages = [mixture.detach().float().cpu().numpy() for mixture in mixtures]
    tasks, experts = stages[0].shape
    size = (len(stages) * (0.4 + 0.7 * experts) + 1.2, 1.4 + 0.45 * tasks)
    figure = Figure(figsize=size, layout="constrained")
    limit = max(*(abs(values).max() for values in stages), 1e-9)
    panels = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
    for number, (axes, values) in enumerate(zip(panels, stages, strict=True), 1):
        axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        axes.set_xticks(range(experts), [str(e) for e in range(experts)])
        axes.set_yticks(range(tasks), list(names))
        axes.set_xlabel("expert")
        if len(stages) > 1:
            axes.set_title(f"stage {number}")
        for row in range(tasks):
            for column in range(experts):
                value = values[row, column]
                colour = "white" if abs(value) > 0.6 * limit else "black"
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    return figure


def affinity_figure(matrices: Mapping[str, Tensor], names: Sequence[str], groups: Sequence[Sequence[str]]) -> Figure:
    """Heat maps of affinities ``[K, K]``, of a row onto a column, tasks that help each other side by side.

    The order is that of a hierarchical clustering (average linkage) by the first measure, in which a pair is as near as
    both help each other; names of one group have one colour.

    Args:
        matrices: by measure; the one that decided comes first.
        names: of the tasks.
        groups: of names.
    """
    order = clustered(next(iter(matrices.values())).double().numpy())
    labels = [names[i] for i in order]
    colour = {name: GROUP_COLOURS[i % len(GROUP_COLOURS)] for i, group in enumerate(groups) for name in group}
    size = 1.2 + (0.55 if len(names) <= READABLE else 0.25) * len(names)
    figure = Figure(figsize=((size + 0.9) * len(matrices), size + 0.6), layout="constrained")
    for place, (measure, matrix) in enumerate(matrices.items()):
        axes = figure.add_subplot(1, len(matrices), place + 1)
        heat_map(axes, matrix.double().numpy()[order][:, order])
        axes.set_xticks(range(len(names)), labels, rotation=45, ha="right")
        axes.set_yticks(range(len(names)), labels)
        for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            text.set_color(colour.get(text.get_text(), "black"))
        axes.set_xlabel("onto")
        axes.set_ylabel("of")
        axes.set_title(f"{measure}\n{MEANINGS[measure]}", fontsize=8)
    return figure


def clustered(values: NDArray[np.float64]) -> list[int]:
    """An order of the tasks, by their affinities ``[K, K]``, in which those that help each other stand side by side."""
    tasks = range(len(values))
    if len(tasks) < 3:
        return list(tasks)
    mutual = (values + values.T) / 2
    pairs = [mutual.max() - mutual[i, j] for i, j in combinations(tasks, 2)]
    return [int(i) for i in leaves_list(linkage(pairs, "average"))]


def heat_map(axes: Axes, values: NDArray[np.float64]) -> None:
    """Fields, with their numbers where there is room: blue helps, red hurts.

    The diagonal, a task onto itself, does not set the scale.
    """
    apart = abs(values[~np.eye(len(values), dtype=bool)])
    limit = max(apart.max(initial=0.0), 1e-9)
    axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit)
    for (row, column), value in np.ndenumerate(values) if len(values) <= READABLE else ():
        colour = "white" if abs(value) > 0.6 * limit else "black"
        axes.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=8, color=colour)
