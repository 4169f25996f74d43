"""The figures of a report. Each function gives a :class:`SvgFigure`, or None when there is nothing to show."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import isfinite

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mtl.comparison.fixed_front import fronts_of_fixed_weights
from mtl.comparison.report.curves import Curve, Logged, curve
from mtl.comparison.report.drawing import INK, LINE, MUTED, PLAIN, SERIES, SvgFigure, grid, style, to_svg
from mtl.comparison.report.gain_axis import BEYOND, draw_gains, percent_axis
from mtl.comparison.report.legend import DASHES, best_rows, legend_below, shapes, shorten, styles
from mtl.comparison.report.matrix_figures import affinity, cosine_tag, cosines
from mtl.comparison.report.point_numbers import number_points
from mtl.comparison.types import Comparison, Evidence, Row
from mtl.comparison.wording import join_words
from mtl.config.study import FRONT

FIXED = "fixed"  # the weighting whose weights a person chose
FRONT_POINT = re.compile(rf"-{FRONT} \d+:")  # in the name of a configuration whose weights are a point of a grid
MOST_PAIRS = 6  # of tasks, a panel each
SAME_WEIGHT = 1e-6  # weights that differ by less are the same
Logs = Mapping[str, Sequence[Logged]]  # by label of a configuration: what its runs logged


def answer(comparison: Comparison) -> SvgFigure | None:
    """Gains of the best configuration with intervals, in one panel: the picture that belongs to the verdict."""
    best = comparison.best
    if best is None or best.tested is None or not best.tested.looks:
        return None
    tested = best.tested
    found: list[tuple[str, Evidence]] = [(comparison.all_tasks, tested.delta)]
    found += [(task, cell.evidence) for task, cell in tested.cells.items()]
    found += [("acting", tested.outcome)] if tested.outcome else []
    found += [(f"against {label}", one) for label, one in comparison.against.items()]
    names = shorten([name for name, _ in found], 40)
    margin = comparison.rules.margin
    with style():
        figure, (ax,) = grid(1, 1, 4.6, 0.7 + 0.28 * len(found), names=0.6)
        ax.axvspan(-margin, margin, color=LINE, alpha=0.5, linewidth=0)
        ax.axvline(0, color=MUTED, linewidth=1)
        cut = draw_gains(ax, [one for _, one in found], margin, 5)
        ax.set_yticks(range(len(found)), [names[name] for name, _ in found])
        ax.tick_params(axis="y", length=0, labelcolor=INK)
        ax.set_ylim(len(found) - 0.5, -0.5)
        ax.axhline(0.5, color=LINE, linewidth=0.8)
        ax.set_xlabel("gain on test data")
        note = (
            f"{best.label}. Point: gain over single-task learning, or over what it is against; bar: its interval, all "
            "of which hold together at the stated error rate; ticks: seeds; grey band: too small to matter. Right of 0 "
            f"is better. Green: helps, red: hurts, grey: neither is shown.{BEYOND if cut else ''}"
        )
        return to_svg(figure, "gains", "What learning together changes", note)


def forest(comparison: Comparison) -> SvgFigure | None:
    """Gains with intervals of several configurations, a panel per task and one for their mean; None of a single one."""
    rows = [(row, tested) for row, tested in comparison.tested_rows if row.multi]
    if len(rows) < 2:
        return None
    labels = shorten([row.label for row, _ in rows])
    found: list[tuple[str, list[Evidence]]] = [
        (f"{comparison.all_tasks} (delta_m)", [tested.delta for _, tested in rows])
    ]
    tasks = shorten(comparison.tasks, 28)  # letters that a panel has room for
    found += [(tasks[task], [tested.cells[task].evidence for _, tested in rows]) for task in comparison.tasks]
    with style():
        figure, axes = grid(len(found), 4, 2.6, 0.9 + 0.24 * len(rows), names=1.5)
        cut = False
        for i, (ax, (title, evidence)) in enumerate(zip(axes, found, strict=True)):
            ax.axvline(0, color=MUTED, linewidth=1)
            cut |= draw_gains(ax, evidence, comparison.rules.margin, 4)
            ax.set_yticks(range(len(rows)), [labels[row.label] if i % 4 == 0 else "" for row, _ in rows])
            ax.tick_params(axis="y", length=0, labelcolor=INK)
            ax.set_ylim(len(rows) - 0.5, -0.5)
            ax.set_title(title)
        note = (
            "Point: gain over the mean of the single-task runs; bar: interval, all of which hold together at the "
            "stated error rate; ticks: seeds. Right of 0 is better. Green: helps, red: hurts, grey: neither is shown."
            f"{BEYOND if cut else ''}"
        )
        return to_svg(figure, "configurations", "Gains of every configuration, with intervals", note)


def fixed_front(comparison: Comparison) -> SvgFigure | None:
    """Validation gains of every weighting beside those of fixed weights, a panel per pair of tasks."""
    fronts = fronts_of_fixed_weights(comparison)
    every = list(combinations(comparison.tasks, 2))
    pairs = every[:MOST_PAIRS]
    if not fronts or not pairs:
        return None
    tasks = shorten(comparison.tasks, 20)
    with style():
        figure, axes = grid(len(pairs), 3, 3.4, 3.2)
        for ax, (a, b) in zip(axes, pairs, strict=True):
            ax.axhline(0, color=MUTED, linewidth=1)
            ax.axvline(0, color=MUTED, linewidth=1)
            for i, (model, one) in enumerate(fronts.items()):
                colour = SERIES[i % len(SERIES)]
                for rows, marker, label in (
                    (one.fixed, ".", f"{model}, fixed weights"),
                    (one.outside, "*", f"{model}, outside"),
                    (one.inside, "x", f"{model}, matched by fixed weights"),
                ):
                    if rows:
                        x, y = ([row.validation[task] for row in rows] for task in (a, b))
                        ax.plot(x, y, marker, color=colour, label=label, markersize=9 if marker == "*" else 6)
            ax.set_xlabel(tasks[a])
            ax.set_ylabel(tasks[b])
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_formatter(FuncFormatter(percent_axis))
                axis.set_major_locator(MaxNLocator(4))
            ax.grid()
        legend_below(figure, axes)
        note = (
            "Mean gains on validation; up and right is better. Star: no fixed weights of the same model are at least "
            "as good on every task. Nothing is claimed of it."
        )
        if pairs != every:
            note += f" Of {len(every)} pairs of tasks the first {MOST_PAIRS} are shown."
        if any(FRONT_POINT.search(row.label) for one in fronts.values() for row in one.fixed):
            note += f" {FRONT} {':'.join(map(str, range(1, len(comparison.learned) + 1)))} in a name: weights of "
            note += f"{join_words(comparison.learned)} in this proportion."
        return to_svg(figure, "front", "Weightings beside fixed weights", note)


def metric_tag(comparison: Comparison, task: str) -> str:
    """Under which a run logs the primary metric of a task on validation."""
    return f"val/{task}/{comparison.primary[task]}"


def weight_tag(task: str) -> str:
    """Under which it logs the weight of a task."""
    return f"weight/{task}"


def tags_of_figures(comparison: Comparison) -> frozenset[str]:
    """All that the figures show of what runs logged."""
    measured = [metric_tag(comparison, task) for task in comparison.tasks]
    weighed = [weight_tag(task) for task in comparison.learned]
    return frozenset([*measured, *weighed, *(cosine_tag(a, b) for a, b in combinations(comparison.learned, 2))])


def learning(comparison: Comparison, logs: Logs) -> SvgFigure | None:
    """The primary metric on validation over the steps, a panel per task."""
    rows, left_out = best_rows(comparison.all_rows, comparison.stopped)
    (look, meaning), labels = styles(rows), shorten([row.label for row in rows])
    tasks, points = shorten(comparison.tasks), shapes(rows)
    with style():
        figure, axes = grid(len(comparison.tasks), 3, 3.6, 2.8)
        drawn = False
        for ax, task in zip(axes, comparison.tasks, strict=True):
            for row in rows:
                found = curve(logs.get(row.label, ()), metric_tag(comparison, task))
                if found is None:
                    continue
                drawn = True
                colour, dash = look[row.label]
                (line,) = ax.plot(found.steps, found.mean, label=labels[row.label], marker=mark(found))
                line.set(color=colour, linestyle=dash)
                if mark(found):
                    line.set(**points[row.label])
                ax.fill_between(found.steps, found.low, found.high, color=colour, alpha=0.08, linewidth=0)
            better = "higher" if comparison.directions[task] else "lower"
            ax.set_title(f"{tasks[task]}\n{comparison.primary[task]} ({better} is better)")
            ax.set_xlabel("optimizer step")
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            ax.grid()
        legend_below(figure, axes)
        note = (
            "Line: mean over seeds, as far as all of them were trained, band: from the worst to the best seed. "
            f"{meaning}; black or white: single task.{left_out}"
        )
        return to_svg(figure, "learning", "Learning curves on validation", note) if drawn else None


def mark(found: Curve) -> str | None:
    """What marks the points of a curve: one point alone would not be seen without."""
    return "o" if len(found.steps) == 1 else None


def weights(comparison: Comparison, logs: Logs) -> SvgFigure | None:
    """Effective weights of the tasks over the steps, where they move; a panel per configuration."""
    curves = {}
    for row in comparison.rows:
        found = {task: curve(logs.get(row.label, ()), weight_tag(task)) for task in comparison.learned}
        lines = {task: one for task, one in found.items() if one is not None}
        if row.multi and any(moves(one, fixed=row.weighting == FIXED) for one in lines.values()):
            curves[row.label] = lines
    rows, left_out = best_rows([row for row in comparison.rows if row.label in curves], comparison.stopped)
    moving = [(row.label, curves[row.label]) for row in rows]
    if not moving:
        return None
    with style():
        labels, tasks = shorten([label for label, _ in moving]), shorten(comparison.learned)
        figure, axes = grid(len(moving), 3, 3.6, 2.2)
        for ax, (label, lines) in zip(axes, moving, strict=True):
            for task, one in lines.items():
                times, place = divmod(comparison.learned.index(task), len(SERIES))
                colour, dash = SERIES[place], DASHES[times % len(DASHES)]
                name = f"{tasks[task]} (auxiliary)" if task in comparison.auxiliary else tasks[task]
                ax.plot(one.steps, one.mean, linestyle=dash, marker=mark(one), color=colour, label=name)
                ax.fill_between(one.steps, one.low, one.high, color=colour, alpha=0.12, linewidth=0)
            ax.set_title(labels[label])
            ax.set_xlabel("optimizer step")
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            ax.grid()
        legend_below(figure, axes)
        note = (
            "Line: mean over seeds, band: extremes. Configurations whose weights stay at 1 or are fixed are left out."
            f"{left_out}"
        )
        return to_svg(figure, "weights", "Weights of the tasks over training", note)


def moves(weight: Curve, *, fixed: bool) -> bool:
    """Whether a weight is worth a curve: it changes, or is not 1 although nobody fixed it."""
    return bool(np.ptp(weight.mean) > SAME_WEIGHT or (not fixed and abs(weight.mean[0] - 1) > SAME_WEIGHT))


def cost(comparison: Comparison) -> SvgFigure:
    """Quality against training seconds."""
    named, left_out = best_rows(comparison.all_rows, comparison.stopped)
    rows = [row for row in named if all(map(isfinite, place_of_cost(row)))]
    unknown = [row.label for row in named if not all(map(isfinite, place_of_cost(row)))]
    (look, _), labels = styles(named), shorten([row.label for row in named])
    points = shapes(named)
    with style():
        figure, (ax,) = grid(1, 1, 4.6, 3.6 + 0.1 * max(0, len(rows) - 10))
        ax.axhline(0, color=MUTED, linewidth=1)
        on_front = sorted(place_of_cost(row) for row in comparison.all_rows if row.label in comparison.front_cost)
        others = [row for row in comparison.all_rows if row.label not in labels]
        ax.plot([one.costs["seconds"] for one in others], [one.delta_validation for one in others], ".", color=MUTED)
        if len(on_front) > 1:
            ax.step(*zip(*on_front, strict=True), where="post", color=PLAIN, linewidth=1.2, zorder=1)
        for number, row in enumerate(rows, start=1):
            x, y = place_of_cost(row)
            colour, best = look[row.label][0], comparison.best is not None and row.label == comparison.best.label
            name = f"{number}  {labels[row.label]}"
            shape = {"marker": "*"} if best else points[row.label]
            (point,) = ax.plot([x], [y], color=colour, linestyle="", label=name, zorder=3)
            point.set(markersize=11 if best else 7, markeredgewidth=1.6, **shape)
        ax.yaxis.set_major_formatter(FuncFormatter(percent_axis))
        ax.set_xlabel("training seconds of one run")
        ax.set_ylabel("delta_m on validation")
        ax.set_xlim(left=0)
        ax.grid()
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower left", ncols=2, fontsize=8)
        number_points(ax, [place_of_cost(row) for row in rows])
        note = (
            "Up is better, left is cheaper. The line joins what no other configuration beats in both. Star: the one "
            f"in bold above; hollow: tasks learned apart.{left_out}{' Small points: the others.' if left_out else ''}"
            f"{' Those that screening stopped: by the first seed alone.' if comparison.stopped else ''}"
            f"{f' Without a point, as seconds or validation are unknown: {join_words(unknown)}.' if unknown else ''}"
        )
        return to_svg(figure, "cost", "Quality against cost", note)


def place_of_cost(row: Row) -> tuple[float, float]:
    """Training seconds, and gain on validation."""
    return row.costs["seconds"], row.delta_validation


def draw_figures(comparison: Comparison, logs: Logs) -> list[SvgFigure]:
    """All figures of a report, in order.

    Args:
        comparison: what is shown.
        logs: of every run at least what it logged under :func:`tags_of_figures`.

    Returns:
        Those that there is something to show in.
    """
    found = [
        answer(comparison),
        forest(comparison),
        fixed_front(comparison),
        learning(comparison, logs),
        cost(comparison),
        weights(comparison, logs),
        cosines(comparison, logs),
        affinity(comparison),
    ]
    return [one for one in found if one is not None]
