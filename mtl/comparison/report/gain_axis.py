"""The axis of gains with intervals: as wide as lets the gains be seen, with arrows where an interval goes beyond it."""

from collections.abc import Sequence
from math import isfinite
from statistics import median

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mtl.comparison.report.drawing import BAD, GOOD, PLAIN
from mtl.comparison.types import HELPS, HURTS, Evidence

COLOURS = {HELPS: GOOD, HURTS: BAD}
WIDE = 10  # a gain of 1000 %, whose tick labels have room for a few ticks only
FURTHEST = 10  # an interval is shown up to so many times the largest gain; that of two seeds may be far wider
BEYOND = " Arrow: the interval, or a seed, goes on beyond the axis."


def draw_gains(ax: Axes, evidence: Sequence[Evidence], margin: float, ticks: int) -> bool:
    """Draw gains with intervals and the gains of the seeds, each in a line of its own.

    Args:
        ax: a panel, in which the first line is on top.
        evidence: by line.
        margin: gains within it are too small to matter.
        ticks: at most so many on the axis.

    Returns:
        Whether something goes beyond the axis.
    """
    low, high = limits(evidence, margin)
    cut = False
    for y, one in enumerate(evidence):
        colour = COLOURS.get(one.call, PLAIN)
        if isfinite(one.interval[0]):
            ax.plot([min(max(end, low), high) for end in one.interval], [y, y], color=colour, linewidth=2)
        seeds = [gain for gain in one.gains if low <= gain <= high]
        ax.plot(seeds, [y] * len(seeds), "|", color=colour, markersize=5, alpha=0.6)
        ax.plot([one.mean], [y], "o", color=colour, markersize=4.5)
        for end, mark in beyond(one, low, high):
            ax.plot([end], [y], mark, color=colour, markersize=6)
            cut = True
    ax.xaxis.set_major_formatter(FuncFormatter(percent_axis))
    ax.xaxis.set_major_locator(MaxNLocator(ticks if max(map(abs, ax.get_xlim())) < WIDE else 2))
    ax.grid(axis="x")
    return cut


def beyond(one: Evidence, low: float, high: float) -> list[tuple[float, str]]:
    """The ends of an axis that an interval, or a seed, goes beyond, each with the mark of its arrow."""
    ends = [value for value in (*one.interval, *one.gains) if isfinite(value)]
    if not ends:
        return []
    return [*([(low, "<")] if min(ends) < low else []), *([(high, ">")] if max(ends) > high else [])]


def limits(evidence: Sequence[Evidence], margin: float) -> tuple[float, float]:
    """What an axis shows of gains: their means always, intervals and single seeds up to :data:`FURTHEST` times those.

    Args:
        evidence: what is drawn.
        margin: gains within it are too small to matter.

    Returns:
        The lowest and the highest gain that is shown; 0 is between them.
    """
    means = [abs(one.mean) for one in evidence if isfinite(one.mean)]
    seeds = [max(map(abs, found)) for one in evidence if (found := [gain for gain in one.gains if isfinite(gain)])]
    furthest = FURTHEST * max(margin, *means, median(seeds or [0.0]))
    ends = [value for one in evidence for value in (*one.interval, *one.gains, one.mean) if isfinite(value)]
    if furthest == 0.0:
        return min([0.0, *ends]), max([0.0, *ends])
    return max(-furthest, min([0.0, *ends])), min(furthest, max([0.0, *ends]))


def percent_axis(value: float, _: int) -> str:
    """A gain as a tick label."""
    return f"{value * 100:+g} %" if value else "0"
