"""The figure of the tasks: which of them see another's prediction, and which share a network."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from mtl.inspection.colours import GROUP_COLOURS
from mtl.picture import Picture

LETTER = 0.08  # inches of a letter of a name


def tasks_figure(
    generations: Sequence[Sequence[str]], depends_on: Mapping[str, Sequence[str]], groups: Sequence[Sequence[str]]
) -> Figure:
    """The tasks as a graph: an arrow for each prediction that another head sees, a colour for each group.

    Args:
        generations: names; a task stands right of all that it depends on.
        depends_on: upstream tasks of each.
        groups: of tasks that share a network; empty: all do.

    Returns:
        The figure.
    """
    colour = {name: GROUP_COLOURS[i % len(GROUP_COLOURS)] for i, group in enumerate(groups) for name in group}
    tallest = max(map(len, generations))
    place = {
        name: (float(x), -(y + 0.5) * tallest / len(generation))
        for x, generation in enumerate(generations)
        for y, name in enumerate(generation)
    }
    apart = max(2.0, 1.0 + LETTER * max(len(name) for name in place))  # inches from one generation to the next
    figure = Picture(figsize=(0.8 + apart * len(generations), 0.8 + 0.6 * tallest), layout="constrained")
    axes = figure.add_subplot()
    for name, (x, y) in place.items():
        box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": colour.get(name, "#6b6b6b"), "lw": 2}
        axes.text(x, y, name, ha="center", va="center", fontsize=9, bbox=box, zorder=3)
        for up in depends_on.get(name, ()):
            axes.add_patch(
                FancyArrowPatch(
                    place[up],
                    (x, y),
                    arrowstyle="-|>",
                    mutation_scale=12,
                    shrinkA=beside(up),
                    shrinkB=beside(name),
                    color="#1a1a1a",
                )
            )
    axes.set_xlim(-0.6, len(generations) - 0.4)
    axes.set_ylim(-tallest, 0)
    axes.axis("off")
    said = ["arrows: a head sees the prediction"] if any(depends_on.values()) else []
    said += ["one colour: one network"] if groups else []
    axes.set_title("; ".join(said), fontsize=9)
    return figure


def beside(name: str) -> float:
    """Points from the middle of a name to the side of its box, where an arrow ends; of a short name a little more."""
    return max(32.0, 72 * LETTER * len(name) / 2 + 6)
