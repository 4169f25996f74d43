"""Figures of numbers between pairs of tasks: cosines of gradients, and affinities."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mtl.comparison.report.curves import Logged, mean_of
from mtl.comparison.report.drawing import BAD, GOOD, INK, SvgFigure, grid, style, to_svg
from mtl.comparison.report.legend import best_rows, shorten
from mtl.comparison.types import Comparison
from mtl.inspection.affinity_figure import cluster_order

MOST_TASKS = 24  # of a matrix; the numbers of more cannot be read, and a browser takes long to draw them

PAGE = 17  # inches of a figure that a page of usual width shows at two thirds of its size


def cosine_tag(first: str, second: str) -> str:
    """Under which it logs the cosine between the gradients of two tasks, in their order."""
    return f"gradient/cosine/{first}-{second}"


def most_opposed(matrix: NDArray[np.float64]) -> tuple[list[int], str]:
    """Which tasks a matrix shows: all, or of many those that the others oppose most.

    Args:
        matrix: ``[K, K]``, larger where two tasks agree more.

    Returns:
        Their places, in order, and a sentence for the note of the figure, with a space before it; empty for all.
    """
    if len(matrix) <= MOST_TASKS:
        return list(range(len(matrix))), ""
    agreement = matrix.sum(0) + matrix.sum(1) - 2 * np.diag(matrix)
    shown = sorted(np.argsort(agreement, kind="stable")[:MOST_TASKS].tolist())
    return shown, f" Of {len(matrix)} tasks the {MOST_TASKS} are shown that agree least with the others."


def cosines(comparison: Comparison, logs: Mapping[str, Sequence[Logged]]) -> SvgFigure | None:
    """Mean cosine between the tasks' gradients, for configurations that measure it."""
    matrices = {}
    for row in comparison.rows:
        matrix = np.eye(len(comparison.learned))
        for (i, a), (j, b) in combinations(enumerate(comparison.learned), 2):
            value = mean_of(logs.get(row.label, ()), cosine_tag(a, b))
            matrix[i, j] = matrix[j, i] = np.nan if value is None else value
        if len(comparison.learned) > 1 and np.isfinite(matrix).all():
            matrices[row.label] = matrix
    rows, left_out = best_rows([row for row in comparison.rows if row.label in matrices], comparison.stopped)
    found = [(row.label, matrices[row.label]) for row in rows]
    if not found:
        return None
    tasks, not_shown = most_opposed(np.mean([matrix for _, matrix in found], axis=0))
    size = 0.9 + 0.55 * len(tasks)
    names = list(shorten([comparison.learned[i] for i in tasks], 16).values())
    labels = shorten([label for label, _ in found])
    with style():
        wide = panels_in_a_row(size + 0.9)
        figure, axes = grid(len(found), wide, size + 0.9, size)
        for i, (ax, (label, matrix)) in enumerate(zip(axes, found, strict=True)):
            fields(ax, matrix[tasks][:, tasks], names, first=i % wide == 0)
            ax.set_title(labels[label])
        note = (
            "Cosine between the gradients of two tasks, mean over training and seeds: where the weighting compares "
            "them, otherwise at the last shared layer with each validation. Below 0 (red) the tasks pull against each "
            f"other.{left_out}{not_shown}"
        )
        return to_svg(figure, "cosines", "Do the tasks' gradients agree?", note)


def panels_in_a_row(width: float) -> int:
    """How many panels of this width in inches stand side by side, so that their numbers can be read on a page."""
    return max(1, min(3, int(PAGE / width)))


def fields(ax: Axes, matrix: NDArray[np.float64], names: Sequence[str], *, first: bool) -> None:
    """A matrix of numbers from -1 to 1 as coloured fields, NaN as none.

    Args:
        ax: where to draw.
        matrix: ``[K, K]``.
        names: of its rows and columns.
        first: whether it is the first panel of its line, which alone names the rows.
    """
    for (y, x), value in np.ndenumerate(matrix):
        if not isfinite(value):
            continue
        colour = GOOD if value >= 0 else BAD
        strength = 0.75 * min(1.0, abs(value))
        ax.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=colour, alpha=strength, linewidth=0))
        ax.text(x, y, f"{round(value, 2) + 0.0:.2f}", ha="center", va="center", color=INK, fontsize=8)
    ticks = range(len(names))
    ax.set_xticks(ticks, names, rotation=30, ha="right")
    ax.set_yticks(ticks, names if first else [""] * len(names))
    ax.tick_params(length=0)
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_aspect("equal")
    for side in ax.spines.values():
        side.set_visible(False)


def affinity(comparison: Comparison) -> SvgFigure | None:
    """How much the tasks help each other, for configurations that measured it to find groups.

    It is the mean over seeds, relative to the largest, in the order of a clustering.
    """
    measures = {row.label: [one.affinity for one in row.records if one.affinity] for row in comparison.rows}
    rows, left_out = best_rows([row for row in comparison.rows if measures[row.label]], comparison.stopped)
    found = [(row, measures[row.label]) for row in rows]
    if not found:
        return None
    size, said, not_shown = 0.9 + 0.55 * min(MOST_TASKS, len(comparison.learned)), [], ""
    labels = shorten([row.label for row, _ in found])
    with style():
        figure, axes = grid(len(found), panels_in_a_row(size + 0.9), size + 0.9, size)
        for ax, (row, measured) in zip(axes, found, strict=True):
            measure, names = measured[0].measure, measured[0].tasks
            mean = np.mean([np.array(one.matrices[measure], dtype=float) for one in measured], axis=0)
            np.fill_diagonal(mean, 0.0)
            known = np.nan_to_num(mean)  # what was not measured is drawn as such, and orders nothing
            kept, not_shown = most_opposed(known)
            order = [kept[i] for i in cluster_order(mean[kept][:, kept])]
            shown = mean[order][:, order] / max(np.abs(known).max(), 1e-12)
            np.fill_diagonal(shown, np.nan)  # a task onto itself says nothing
            tasks = shorten(names, 16)
            fields(ax, shown, [tasks[names[i]] for i in order], first=True)
            ax.set_title(f"{labels[row.label]}: {measure}")
            seeds = [one.seed for one in row.records if one.affinity]
            by_groups: dict[str, list[str]] = {}
            for seed, one in zip(seeds, measured, strict=True):
                by_groups.setdefault(" ".join(f"[{', '.join(group)}]" for group in one.groups), []).append(str(seed))
            said.append(
                f"{row.label}: " + "; ".join(f"{text} (seed {', '.join(by_groups[text])})" for text in by_groups)
            )
        note = (
            "Affinity of a row's task onto a column's, measured before training, mean over seeds, relative to the "
            f"largest. Groups trained: {'. '.join(said)}.{left_out}{not_shown}"
        )
        return to_svg(figure, "affinity", "Which tasks help each other?", note)
