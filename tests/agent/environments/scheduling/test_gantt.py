"""Gantt charts."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.image import imread

from mtl.agent.environments.scheduling.gantt import gantt
from mtl.agent.environments.scheduling.palette import palette
from mtl.agent.environments.scheduling.rules import rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.report import save_figure
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.shops import Shops


def scheduled(name: str) -> Schedule:
    instance = select(name)[0]
    return Schedule.of(instance, rules(0)["mwkr"].schedule(Shops.pack([instance]))[0])


def bars(figure: Figure) -> PolyCollection:
    (found,) = (child for child in figure.axes[0].collections if child.get_gid() == "operations")
    assert isinstance(found, PolyCollection)
    return found


@pytest.mark.parametrize("name", ["ft06", "ta11", "ta71"])
def test_every_operation_is_drawn_once(name: str) -> None:
    """Start, end, machine and job of the bars are those of the schedule."""
    schedule = scheduled(name)
    figure = gantt(schedule, "test")
    colours = palette(schedule.instance.jobs)
    drawn = []
    collection = bars(figure)
    for path, colour in zip(collection.get_paths(), collection.get_facecolor(), strict=True):
        (left, low), (right, high) = path.vertices.min(0), path.vertices.max(0)
        job = int(np.abs(np.asarray(colours) - colour[:3]).sum(1).argmin())
        drawn.append((job, round((low + high) / 2), round(left), round(right)))
    instance = schedule.instance
    expected = [
        (job, int(instance.machines[job, k]), int(schedule.starts[job, k]), int(schedule.starts[job, k] + duration))
        for job, row in enumerate(instance.durations)
        for k, duration in enumerate(row)
    ]
    assert sorted(drawn) == sorted(expected)


@pytest.mark.parametrize("jobs", [1, 6, 20, 21, 100])
def test_every_job_has_its_own_colour(jobs: int) -> None:
    assert len(set(palette(jobs))) == jobs


def test_title_says_what_it_shows() -> None:
    schedule = scheduled("ft06")
    texts = " ".join(text.get_text() for text in gantt(schedule, "somebody").axes[0].texts)
    assert f"somebody  ·  makespan {schedule.makespan}, {schedule.gap:.1%} above the optimum, 55 (dashed)" in texts


def test_files_are_a_picture_and_a_drawing(tmp_path: Path) -> None:
    png, svg = save_figure(gantt(scheduled("ft06"), "test"), tmp_path / "chart")
    pixels = imread(png)
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 1000
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 6
    root = ElementTree.parse(svg).getroot()
    group = next(node for node in root.iter("{http://www.w3.org/2000/svg}g") if node.get("id") == "operations")
    assert len(group.findall("{http://www.w3.org/2000/svg}path")) == 36


@pytest.mark.filterwarnings("ignore:Chinese letters are boxes")
def test_signs_that_no_font_has_are_boxes(tmp_path: Path) -> None:
    """One line is said of Chinese ones; the page shows what a browser can."""
    shop = JobShop("工厂", np.array([[4, 6]]), np.array([[0, 1]]), job_names=("作业",), machine_names=("机器", "m"))
    schedule = Schedule(shop, np.array([[0, 4]]))
    png, _ = save_figure(gantt(schedule, "test"), tmp_path / "chart")
    assert imread(png).shape[1] > 1000


@pytest.mark.filterwarnings("ignore:Chinese letters are boxes")
def test_chinese_names_stay_within_their_bars() -> None:
    schedule = scheduled("ft06")
    named = replace(schedule.instance, job_names=tuple("汽车零件" + "一二三四五六"[job] for job in range(6)))
    figure = gantt(Schedule(named, schedule.starts), "test")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    axes, shown = figure.axes[0], 0
    for path in bars(figure).get_paths():
        (left, low), (right, high) = axes.transData.transform([path.vertices.min(0), path.vertices.max(0)])
        for text in axes.texts:
            box = text.get_window_extent(canvas.get_renderer())  # type: ignore[no-untyped-call]
            if left < (box.x0 + box.x1) / 2 < right and min(low, high) < (box.y0 + box.y1) / 2 < max(low, high):
                assert left < box.x0 < box.x1 < right
                shown += 1
    assert shown
