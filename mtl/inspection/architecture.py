"""Pictures of a network and its tasks: which parameters serve which task, and how the tasks are related."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle

from mtl.inspection.mixture import GROUP_COLOURS, PRIVATE_COLOUR, SHARED_COLOUR


def parts_figure(
    rows: Sequence[tuple[str, Mapping[str, int], bool]], names: Sequence[str], left_out: int = 0
) -> Figure:
    """Parts of a network by tasks: a field says how many parameters of the part serve the task.

    Args:
        rows: name, numbers by task, and whether they are shared, of each part.
        names: of the tasks.
        left_out: parts that are not shown, since they are many and small.
    """
    longest = max((len(name) for name, _, _ in rows), default=0)
    figure = Figure(figsize=(1.5 + 0.075 * longest + 0.75 * len(names), 1.5 + 0.32 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for y, (_, serves, shared) in enumerate(rows):
        for x, name in enumerate(names):
            colour = "none" if name not in serves else SHARED_COLOUR if shared else PRIVATE_COLOUR
            axes.add_patch(Rectangle((x - 0.48, y - 0.44), 0.96, 0.88, facecolor=colour))
            if name in serves:
                text, ink = amount(serves[name]), "white" if shared else "black"
                axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=8)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_xticks(range(len(names)), list(names), rotation=30, ha="right")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("trainable parameters that serve a task", fontsize=9)
    keys = [Patch(color=SHARED_COLOUR, label="shared"), Patch(color=PRIVATE_COLOUR, label="of its own (*: of each)")]
    title = f"{left_out} smaller parts left out" if left_out else None
    figure.legend(handles=keys, loc="outside lower right", ncols=2, frameon=False, fontsize=8, title=title)
    return figure


def amount(number: int) -> str:
    """A number in a few characters."""
    for limit, unit in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= limit:
            return f"{number / (1000 if unit == 'k' else limit):.3g}{unit}"
    return str(number)


def tasks_figure(
    generations: Sequence[Sequence[str]], depends_on: Mapping[str, Sequence[str]], groups: Sequence[Sequence[str]]
) -> Figure:
    """The tasks as a graph: an arrow for each prediction that another head sees, a colour for each group.

    Args:
        generations: names; a task stands right of all that it depends on.
        depends_on: upstream tasks of each.
        groups: of tasks that share a network; empty: all do.
    """
    colour = {name: GROUP_COLOURS[i % len(GROUP_COLOURS)] for i, group in enumerate(groups) for name in group}
    tallest = max(map(len, generations))
    place = {
        name: (float(x), -(y + 0.5) * tallest / len(generation))
        for x, generation in enumerate(generations)
        for y, name in enumerate(generation)
    }
    figure = Figure(figsize=(0.8 + 2.0 * len(generations), 0.8 + 0.6 * tallest), layout="constrained")
    axes = figure.add_subplot()
    for name, (x, y) in place.items():
        box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": colour.get(name, "#6b6b6b"), "lw": 2}
        axes.text(x, y, name, ha="center", va="center", fontsize=9, bbox=box, zorder=3)
        for up in depends_on.get(name, ()):
            axes.add_patch(
                FancyArrowPatch(
                    place[up], (x, y), arrowstyle="-|>", mutation_scale=12, shrinkA=32, shrinkB=32, color="#1a1a1a"
                )
            )
    axes.set_xlim(-0.6, len(generations) - 0.4)
    axes.set_ylim(-tallest, 0)
    axes.axis("off")
    said = ["arrows: a head sees the prediction"] if any(depends_on.values()) else []
    said += ["one colour: one network"] if groups else []
    axes.set_title("; ".join(said), fontsize=9)
    return figure
