"""The figure of a front: what one network reaches at a grid of preferences."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from matplotlib.figure import Figure

from mtl.picture import Picture

MOST = 6  # pairs of tasks that are drawn, the first ones


def front_figure(lines: Sequence[Mapping[str, float | str]], primary: Mapping[str, str]) -> Figure:
    """The primary metrics of each pair of tasks, on validation; colour: how much the first of both is preferred.

    A ring marks a preference at which no other of the grid is better on every task.

    Args:
        lines: of the table; see :func:`mtl.lifecycle.front.write_front`.
        primary: name of the primary metric by task, of two tasks or more.

    Returns:
        The figure.
    """
    pairs = list(combinations(primary, 2))[:MOST]
    figure = Picture(figsize=(3.6 * len(pairs), 3.2), layout="constrained")
    for place, (one, other) in enumerate(pairs):
        axes = figure.add_subplot(1, len(pairs), place + 1)
        first, second = f"val/{one}/{primary[one]}", f"val/{other}/{primary[other]}"
        shown = [line for line in lines if line[first] != "" and line[second] != ""]
        shares = [relative_share(line, one, other) for line in shown]
        rings = ["black" if line["best"] == "yes" else "none" for line in shown]
        points = axes.scatter(
            [float(line[first]) for line in shown],
            [float(line[second]) for line in shown],
            c=shares,
            cmap="viridis",
            vmin=0,
            vmax=1,
            edgecolors=rings,
        )
        axes.set_xlabel(f"{one} ({primary[one]})")
        axes.set_ylabel(f"{other} ({primary[other]})")
        figure.colorbar(points, ax=axes, label=f"preference of {one} beside {other}")
    return figure


def relative_share(line: Mapping[str, float | str], one: str, other: str) -> float:
    """How much the one of two tasks is preferred, 0 to 1; a half where neither is."""
    a, b = float(line[f"preference/{one}"]), float(line[f"preference/{other}"])
    return a / (a + b) if a + b > 0 else 0.5
