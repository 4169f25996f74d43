"""Gantt charts: machines x time, jobs by colour."""

from collections.abc import Sequence
from unicodedata import east_asian_width

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from mtl.agent.environments.scheduling.palette import Colour, is_dark, palette
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.picture import Picture
from mtl.suites.scheduling.constraints import Name

_INK = "#222222"
_QUIET = "#666666"
_ROW = 0.82  # height of a bar, as a share of the distance between machines
_LARGEST_LABELLED = 500  # operations; with more the numbers in the bars could not be read
_PER_LETTER = 0.011  # width of a digit as a share of the axes
_MACHINE_LETTERS, _JOB_LETTERS = 32, 16  # of the longest names shown in full


def gantt(schedule: Schedule, method: str) -> Figure:
    """The schedule as a picture: one bar per operation, coloured and, where there is room, numbered by job.

    Beside each machine stands how much of the makespan it works. A line marks the makespan, another the reference where
    the makespan is the objective, a third the moment of planning where it is not 0. Downtimes are hatched, the bars of
    fixed operations have dark edges.

    Args:
        schedule: what to draw.
        method: who built it, for the title.

    Returns:
        The figure.
    """
    instance = schedule.instance
    with rc_context({"font.size": 9, "text.color": _INK, "axes.edgecolor": _QUIET, "axes.labelcolor": _QUIET}):
        height = 1.5 + max(2.2, min(9.0, 0.34 * instance.machine_count))
        figure = Picture(figsize=(11.0, height), dpi=140, layout="constrained")
        axes = figure.add_subplot()
        colours = palette(instance.jobs)
        _bars(axes, schedule, colours)
        _downtimes(axes, schedule)
        _frame(axes, schedule)
        _titles(axes, schedule, method)
        # Names need more room than numbers: some bars go without
        if instance.operation_count > _LARGEST_LABELLED or not _numbered(instance.job_names):
            _key(figure, axes, colours, instance.job_names)
    return figure


def _bars(axes: Axes, schedule: Schedule, colours: Sequence[Colour]) -> None:
    instance = schedule.instance
    there = instance.exists
    jobs = np.repeat(np.arange(instance.jobs), instance.lengths).tolist()
    left, width, machines = schedule.starts[there], instance.durations[there], instance.machines[there]
    low = machines - _ROW / 2
    right, high = left + width, low + _ROW
    corners = ((left, low), (right, low), (right, high), (left, high))
    bars = PolyCollection(
        list(np.stack([np.stack(corner, -1) for corner in corners], 1)),  # [operations, 4, 2]
        facecolors=[colours[job] for job in jobs],
        edgecolors=[_INK if fixed else "white" for fixed in (instance.fixed[there] >= 0).tolist()],
        linewidths=0.6 if len(jobs) <= _LARGEST_LABELLED else 0.2,
        gid="operations",
    )
    axes.add_collection(bars)
    if len(jobs) > _LARGEST_LABELLED:
        return
    room = schedule.makespan * _PER_LETTER
    places = zip(jobs, left.tolist(), width.tolist(), machines.tolist(), strict=True)
    for job, start, length, machine in places:
        name = str(instance.job_names[job])
        if length < room * letters(name):
            continue
        dark = is_dark(colours[job])
        axes.text(
            start + length / 2,
            machine,
            name,
            color="white" if dark else _INK,
            fontsize=7.5,
            parse_math=False,  # a name may hold a dollar sign
            ha="center",
            va="center_baseline",
        )


def _downtimes(axes: Axes, schedule: Schedule) -> None:
    """Downtimes of the machines, as far as the schedule reaches."""
    for down in schedule.instance.constraints.downtimes:
        end = min(down.end, schedule.makespan)
        if down.start < end:
            axes.barh(
                down.machine,
                end - down.start,
                left=down.start,
                height=_ROW,
                color="none",
                edgecolor=_QUIET,
                hatch="////",
                linewidth=0.4,
                gid="downtime",
            )


def _frame(axes: Axes, schedule: Schedule) -> None:
    instance, makespan = schedule.instance, schedule.makespan
    machines = np.arange(instance.machine_count)
    reference = schedule.reference.makespan if instance.objective == "makespan" else makespan
    if instance.constraints.now:
        axes.axvline(instance.constraints.now, color=_INK, linewidth=0.8, linestyle=":")
    axes.set_xlim(0, max(makespan, reference) * 1.01)
    axes.set_ylim(instance.machine_count - 0.4, -0.6)  # the first machine on top
    axes.set_yticks(machines, [short(name, _MACHINE_LETTERS) for name in instance.machine_names], parse_math=False)
    axes.set_ylabel("machine")
    labels = f"time ({'numbers' if _numbered(instance.job_names) else 'names'}: jobs)"
    axes.set_xlabel("time" if instance.operation_count > _LARGEST_LABELLED else labels)
    axes.tick_params(length=0, labelcolor=_QUIET)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.axvline(makespan, color=_INK, linewidth=1.2)
    if reference != makespan:
        axes.axvline(reference, color=_INK, linewidth=1.0, linestyle=(0, (4, 3)))
    busy = instance.load / makespan
    right = axes.secondary_yaxis("right")
    right.set_yticks(machines, [f"{share:.0%}" for share in busy])
    right.tick_params(length=0, labelcolor=_QUIET)
    axes.annotate("busy", (1, 1), (6, 3), "axes fraction", textcoords="offset points", color=_QUIET)
    right.spines["right"].set_visible(False)


def _titles(axes: Axes, schedule: Schedule, method: str) -> None:
    instance = schedule.instance
    size = f"{instance.jobs} jobs × {instance.machine_count} machines"
    axes.set_title(f"{instance.name}  ·  {size}", loc="left", weight="bold", pad=22, parse_math=False)
    reference = schedule.reference
    if instance.objective == "weighted_tardiness":
        comparison = f"weighted tardiness {schedule.cost}, {schedule.late_jobs} of {instance.jobs} jobs late"
    elif schedule.makespan == reference.makespan:
        comparison = f"the {reference.label}"
    else:
        direction = "above" if schedule.gap > 0 else "below"
        comparison = f"{abs(schedule.gap):.1%} {direction} the {reference.label}, {reference.makespan} (dashed)"
    axes.annotate(
        f"{method}  ·  makespan {schedule.makespan}, {comparison}  ·  machines busy {schedule.utilisation:.0%}",
        (0, 1),
        xytext=(0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        color=_QUIET,
    )


def letters(text: str) -> int:
    """How many letters a text is as wide as: those of Chinese and others count twice."""
    return sum(2 if east_asian_width(letter) in "FW" else 1 for letter in text)


def short(name: Name, most: int) -> str:
    """The name, cut where it has more letters than these."""
    text = str(name)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _numbered(names: Sequence[Name]) -> bool:
    """Whether all names are numbers."""
    return all(isinstance(name, int) for name in names)


def _key(figure: Figure, axes: Axes, colours: Sequence[Colour], names: Sequence[Name]) -> None:
    """A scale from colours to jobs, where their names do not fit into the bars."""
    jobs = len(colours)
    norm = BoundaryNorm(np.arange(jobs + 1) - 0.5, jobs)
    bar = figure.colorbar(
        ScalarMappable(norm, ListedColormap(colours)), ax=axes, fraction=0.012, pad=0.015, aspect=60, label="job"
    )
    ticks = list(range(0, jobs, max(1, jobs // 10)))
    bar.set_ticks(ticks, labels=[short(names[job], _JOB_LETTERS) for job in ticks], parse_math=False)
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelcolor=_QUIET)
    bar.ax.invert_yaxis()
