"""Pictures of sharing: who draws on which expert, which parameters serve whom, which tasks help each other."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage
from torch import Tensor

SHARED_COLOUR = "#4c72b0"
PRIVATE_COLOUR = "#dd8452"


def mixture_figure(mixture: Tensor, names: Sequence[str]) -> Figure:
    """Heat map of a mixture ``[K, E]``: rows are tasks, columns are experts, every field with its number.

    Blue is drawn on, red is drawn on with a negative sign; white is not used.
    """
    values = mixture.detach().float().cpu().numpy()
    tasks, experts = values.shape
    figure = Figure(figsize=(1.6 + 0.7 * experts, 1.2 + 0.45 * tasks), layout="constrained")
    axes = figure.add_subplot()
    limit = max(abs(values).max(), 1e-9)
    axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(experts), [str(e) for e in range(experts)])
    axes.set_yticks(range(tasks), list(names))
    axes.set_xlabel("expert")
    for row in range(tasks):
        for column in range(experts):
            value = values[row, column]
            colour = "white" if abs(value) > 0.6 * limit else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    return figure


def partition_figure(shared: int, private: Mapping[str, int]) -> Figure:
    """Bars: for each task the parameters that serve it, those it shares and those of its own.

    Args:
        shared: parameters that several tasks use.
        private: by task, parameters of its own.
    """
    names = list(private)
    figure = Figure(figsize=(6, 1.2 + 0.4 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(names, [shared] * len(names), color=SHARED_COLOUR, label="shared")
    axes.barh(names, list(private.values()), left=shared, color=PRIVATE_COLOUR, label="of its own")
    axes.invert_yaxis()
    axes.set_xlabel("trainable parameters that serve the task")
    axes.legend(loc="upper right", bbox_to_anchor=(1, -0.2), ncols=2, frameon=False)
    return figure


def affinity_figure(affinity: Tensor, names: Sequence[str], title: str) -> Figure:
    """Heat map of an affinity ``[K, K]``, tasks that help each other side by side: a row onto a column."""
    values = affinity.double().numpy()
    order = list(range(len(names)))
    if len(names) > 2:
        mutual = (values + values.T) / 2
        pairs = [mutual.max() - mutual[i, j] for i, j in combinations(range(len(names)), 2)]
        order = [int(i) for i in leaves_list(linkage(pairs, "average"))]
    shown = values[order][:, order]
    apart = [shown[i, j] for i in range(len(order)) for j in range(len(order)) if i != j]
    limit = max([abs(value) for value in apart], default=1.0) or 1.0
    figure = Figure(figsize=(2.2 + 0.6 * len(names), 1.6 + 0.5 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shown, cmap="RdBu", vmin=-limit, vmax=limit)
    labels = [names[i] for i in order]
    axes.set_xticks(range(len(names)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), labels)
    axes.set_xlabel("onto")
    axes.set_ylabel("of")
    axes.set_title(title, fontsize=10)
    for i in range(len(names)):
        for j in range(len(names)):
            colour = "white" if abs(shown[i, j]) > 0.6 * limit else "black"
            axes.text(j, i, f"{shown[i, j]:.2g}", ha="center", va="center", fontsize=8, color=colour)
    return figure
