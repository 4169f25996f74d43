"""Figures: what is cut to fit stays readable."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtl.comparison.comparison import compare
from mtl.comparison.report.curves import Curve
from mtl.comparison.report.drawing import grid
from mtl.comparison.report.figures import answer, cost, learning, mark, moves, weights
from mtl.comparison.report.gain_axis import BEYOND, beyond, limits
from mtl.comparison.report.legend import DASHES, MOST, best_rows, legend_below, shapes, shorten, styles
from mtl.comparison.report.matrix_figures import MOST_TASKS, most_opposed, panels_in_a_row
from mtl.comparison.report.point_numbers import number_points, overlap
from mtl.comparison.types import Comparison
from tests.comparison.report.support import records


def test_names_stay_different_when_they_are_cut_for_a_figure() -> None:
    assert shorten(["short", "a" * 20], 10) == {"short": "short", "a" * 20: "aaaaaaaaa…"}
    names = ["temperature_sensor_1", "temperature_sensor_2", "x" * 12 + "1" + "x" * 12, "x" * 12 + "2" + "x" * 12]
    short = shorten(names, 16)
    assert len(set(short.values())) == len(names)
    assert short["temperature_sensor_1"] == "temperat…ensor_1"
    chinese = shorten(["客户的消费金额一", "客户的消费金额二", "流失率"], 10)  # each letter as wide as two Latin ones
    assert list(chinese.values()) == ["客户…额一", "客户…额二", "流失率"]


def test_a_curve_of_one_point_can_be_seen() -> None:
    one, two = (Curve(*(np.arange(count),) * 4) for count in (1, 2))
    assert (mark(one), mark(two)) == ("o", None)


def many(tmp_path: Path, count: int) -> Comparison:
    """A comparison of so many configurations of one model and one weighting, the later ones better on validation."""
    found = compare(records(tmp_path, seeds=2))
    one = next(row for row in found.rows if row.multi)
    rows = (replace(one, label=f"hard-front {i}:1", key=str(i), delta_validation=0.01 * i) for i in range(count))
    return replace(found, rows=tuple(rows))


def test_of_many_configurations_a_figure_names_the_best_and_says_so(tmp_path: Path) -> None:
    comparison = many(tmp_path, 66)
    shown, left_out = best_rows(comparison.all_rows)
    assert [row.label for row in shown] == ["single_task-equal", *(f"hard-front {i}:1" for i in range(66 - MOST, 66))]
    assert left_out == f" Of 66 configurations the best {MOST} on validation are named."
    logs = {row.label: [{f"val/a/{comparison.primary['a']}": {0: 0.1, 9: 0.3}}] for row in comparison.all_rows}
    for figure in (cost(comparison), learning(comparison, logs)):
        assert figure is not None
        assert left_out in figure.note
        assert figure.svg.count("hard-front 65:1") == 1
        assert "hard-front 3:1" not in figure.svg
    assert best_rows(comparison.all_rows[: MOST + 1]) == (list(comparison.all_rows[: MOST + 1]), "")
    # The gain of what screening stopped is of its first seed alone, and ranks among those of its kind
    shown, _ = best_rows(comparison.all_rows, {"65", "64"})
    assert [row.key for row in shown if row.multi] == [str(i) for i in range(64 - MOST, 64)]


def test_a_legend_names_what_is_drawn_in_any_panel_once() -> None:
    """Where the first task of a configuration is not measured, its line is in the other panels."""
    figure, axes = grid(2, 2, 3.0, 2.0)
    axes[0].plot([0, 1], label="a")
    for name in ("a", "b"):
        axes[1].plot([0, 1], label=name)
    legend_below(figure, axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_each_configuration_of_a_figure_looks_different(tmp_path: Path) -> None:
    found = compare(records(tmp_path, seeds=2))
    look, meaning = styles(found.all_rows)
    assert len(set(look.values())) == len(found.all_rows)
    assert meaning == "Colour: model, dashes: weighting"
    look, meaning = styles(many(tmp_path / "many", MOST).all_rows)
    assert len(set(look.values())) == MOST + 1
    assert meaning == "Colour and dashes: configuration"


def test_points_are_told_apart_without_colours(tmp_path: Path) -> None:
    """The single-task networks and those of the same size are both in ink: their shapes differ, and both are hollow."""
    found = compare(records(tmp_path, seeds=2))
    same = replace(found.baseline, label="single_task same_parameters-equal")
    rows = [found.baseline, *found.rows, same]
    look = shapes(rows)
    assert len({(one["marker"], one.get("markerfacecolor")) for one in look.values()}) == len(rows)
    assert {row.label for row in rows if "markerfacecolor" in look[row.label]} == {found.baseline.label, same.label}
    shown = replace(found, rows=(*found.rows, same))
    logs = {row.label: [{f"val/a/{found.primary['a']}": {0: 0.1}}] for row in rows}  # curves of one point
    for figure in (cost(shown), learning(shown, logs)):
        assert figure is not None
        drawn = re.findall(
            r'<g id="line2d_\d+">\s*(?:<path [^>]*>\s*)?<defs>\s*<path id="m\w+" d="([^"]*)"', figure.svg
        )
        ticks = {"M 0 0 \nL 0 3.5 \n", "M 0 0 \nL -3.5 0 \n"}
        assert len(set(drawn) - ticks) == len(rows)


def test_many_baselines_look_different(tmp_path: Path) -> None:
    baseline = compare(records(tmp_path, seeds=2)).baseline
    look, _ = styles([replace(baseline, label=str(i)) for i in range(2 * len(DASHES))])
    assert len(set(look.values())) == 2 * len(DASHES)


def test_numbers_of_points_cover_nothing() -> None:
    """Of points in one place, in a corner and on a line, the later numbers go elsewhere."""
    points = [(0.0, 0.0), (0.1, 0.0), (0.1, 0.1), (9.9, 5.0), (10.0, 5.0), (5.0, 2.5), (5.0, 2.5), (5.2, 2.5)]
    figure, (ax,) = grid(1, 1, 4.6, 3.6)
    ax.plot(*zip(*points, strict=True), "o")
    number_points(ax, points)
    figure.draw_without_rendering()
    unit = 72 / figure.dpi
    boxes = [(x - 3, y - 3, x + 3, y + 3) for x, y in ax.transData.transform(points) * unit]
    for one in ax.texts:
        box = one.get_window_extent()
        boxes.append((box.x0 * unit, box.y0 * unit, box.x1 * unit, box.y1 * unit))
    numbers = range(len(points), len(boxes))
    assert [one.get_text() for one in ax.texts] == [str(i + 1) for i in range(len(points))]
    assert [(i, j) for i in numbers for j in range(i) if overlap(boxes[i], boxes[j]) > 1] == []


def test_a_configuration_without_a_point_is_in_no_legend(tmp_path: Path) -> None:
    found = compare(records(tmp_path, seeds=2))
    lost = replace(found.rows[1], delta_validation=math.nan)
    figure = cost(replace(found, rows=(found.rows[0], lost, *found.rows[2:])))
    assert lost.label not in figure.svg
    assert f"Without a point, as seconds or validation are unknown: {lost.label}." in figure.note


def test_weights_that_a_person_fixed_are_no_curve() -> None:
    half, moving = np.full(3, 0.5), np.array([0.5, 0.6, 0.7])
    assert not moves(Curve(np.arange(3), half, half, half), fixed=True)
    assert moves(Curve(np.arange(3), half, half, half), fixed=False)
    assert moves(Curve(np.arange(3), moving, moving, moving), fixed=True)


def test_of_many_tasks_a_matrix_shows_those_that_agree_least() -> None:
    agree = np.full((MOST_TASKS + 3, MOST_TASKS + 3), 0.5)
    agree[4] = agree[:, 4] = -0.5
    agree[[0, 7, 9]] += 0.4
    np.fill_diagonal(agree, 1.0)
    shown, said = most_opposed(agree)
    assert shown == [i for i in range(len(agree)) if i not in (0, 7, 9)]
    assert said == f" Of {len(agree)} tasks the {MOST_TASKS} are shown that agree least with the others."
    assert most_opposed(agree[:MOST_TASKS, :MOST_TASKS]) == (list(range(MOST_TASKS)), "")


def test_matrices_of_many_tasks_do_not_share_a_row_of_a_page() -> None:
    assert [panels_in_a_row(width) for width in (3.4, 5.6, 8.4, 15.0, 30.0)] == [3, 3, 2, 1, 1]


def test_tick_labels_of_gains_do_not_cover_each_other(tmp_path: Path) -> None:
    found = compare(records(tmp_path))
    assert found.best is not None
    assert found.best.tested is not None
    delta = found.best.tested.delta
    wide = replace(delta, interval=(-450.0, 450.0), estimate=replace(delta.estimate, mean=45.0))
    shown = answer(replace(found, best=replace(found.best, tested=replace(found.best.tested, delta=wide))))
    assert shown is not None
    assert len(re.findall(r">[+-]\d+ %<", shown.svg)) == 2


def test_the_weights_of_more_tasks_than_there_are_colours_look_different(tmp_path: Path) -> None:
    found = compare(records(tmp_path, seeds=2))
    tasks = tuple(f"t{i}" for i in range(10))
    shown = replace(found, tasks=tasks, rows=found.rows[:1])
    logs = {found.rows[0].label: [{f"weight/{task}": {0: 1.0, 9: 1.0 + i} for i, task in enumerate(tasks)}]}
    figure = weights(shown, logs)
    assert figure is not None
    lines = re.findall(
        r'<path d="M [^"]*" clip-path[^>]* style="fill: none; (stroke-dasharray[^"]*|stroke: #0102[^"]*)"', figure.svg
    )
    assert len(set(lines)) >= len(tasks)


def test_an_interval_that_would_hide_all_else_goes_beyond_the_axis_with_an_arrow(tmp_path: Path) -> None:
    """The means are seen whatever they are; what is cut is said in the note."""
    found = compare(records(tmp_path))
    assert found.best is not None
    assert found.best.tested is not None
    one = found.best.tested.delta
    near = replace(one, gains=(0.01, 0.02, 0.03), estimate=replace(one.estimate, mean=0.02), interval=(-0.01, 0.05))
    wide = replace(near, interval=(-90.0, 90.04))
    high = replace(near, gains=(0.02, 0.02, 8.0), interval=(-0.01, 0.04))
    assert limits([near, near], 0.01) == (-0.01, 0.05)
    assert limits([near, wide], 0.01) == pytest.approx((-0.3, 0.3))  # ten times the largest gain of a seed
    assert limits([near, replace(wide, estimate=replace(one.estimate, mean=5.0))], 0.01)[1] == pytest.approx(50)
    assert (beyond(near, -0.3, 0.3), beyond(wide, -0.3, 0.3)) == ([], [(-0.3, "<"), (0.3, ">")])
    assert beyond(high, -0.3, 0.3) == [(0.3, ">")]  # a seed is told as well
    for evidence, cut in ((near, False), (wide, True)):
        cells = {task: replace(cell, evidence=near) for task, cell in found.best.tested.cells.items()}
        best = replace(found.best, tested=replace(found.best.tested, delta=evidence, cells=cells, outcome=None))
        with_best = replace(found, best=best, rows=(best, *found.rows[1:]), against={})
        figure = answer(with_best)
        assert figure is not None
        assert (BEYOND in figure.note) is cut
        ticks = [float(text.replace("\N{MINUS SIGN}", "-")) for text in re.findall(r">([+-]\d+) %<", figure.svg)]
        assert max(map(abs, ticks)) < 50
