"""The figures of an analysis: what goes with the outcome, and how far probabilities can be relied on."""

from math import isfinite

from matplotlib.ticker import FuncFormatter, MaxNLocator

from mtl.agent.analysis.calibration import Calibration
from mtl.agent.analysis.content import Analysis
from mtl.comparison.report.drawing import BAD, INK, LINE, MUTED, PLAIN, SERIES, SvgFigure, grid, style, to_svg
from mtl.comparison.report.legend import shorten


def association_figure(found: Analysis) -> SvgFigure | None:
    """The rank correlation of each head's error with a poor outcome, with its interval; None where there is none."""
    if not found.associations:
        return None
    names = shorten([one.task for one in found.associations], 40)
    with style():
        figure, (ax,) = grid(1, 1, 4.6, 0.7 + 0.28 * len(found.associations), names=0.6)
        ax.axvline(0, color=MUTED, linewidth=1)
        for y, one in enumerate(found.associations):
            colour = BAD if one.limits else PLAIN
            if isfinite(one.low):
                ax.plot([one.low, one.high], [y, y], color=colour, linewidth=2)
            ax.plot([one.correlation], [y], "o", color=colour, markersize=4.5)
        ax.set_yticks(range(len(found.associations)), [names[one.task] for one in found.associations])
        ax.tick_params(axis="y", length=0, labelcolor=INK)
        ax.set_ylim(len(found.associations) - 0.5, -0.5)
        ax.set_xlim(-1.05, 1.05)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.grid(axis="x")
        ax.set_xlabel("rank correlation of the error with a poor outcome")
        note = (
            "Point: Spearman's rank correlation over test instances or rows; bar: its interval. Right of 0 the outcome "
            "is poorer where the head errs more; coloured where the whole bar is. An association is no cause: "
            "instances that are hard for a head may be hard for other reasons."
        )
        return to_svg(figure, "associations", "Each head's error and the outcome", note)


def reliability_figure(calibrations: tuple[Calibration, ...]) -> SvgFigure | None:
    """A reliability diagram of each head that gives probabilities; None where none does."""
    if not calibrations:
        return None
    names = shorten([one.task for one in calibrations], 24)
    with style():
        figure, axes = grid(len(calibrations), 3, 3.2, 3.2)
        for ax, one in zip(axes, calibrations, strict=True):
            ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
            for part in one.bins:
                if isfinite(part.low):
                    ax.plot([part.confidence] * 2, [part.low, part.high], color=SERIES[0], linewidth=1.6, alpha=0.6)
            ax.plot([b.confidence for b in one.bins], [b.share for b in one.bins], "o", color=SERIES[0], markersize=4)
            ax.set_xlim(-0.02, 1.02)
            ax.set_ylim(-0.02, 1.02)
            ax.set_aspect("equal")
            ax.set_title(names[one.task])
            ax.set_xlabel("probability that the head gives")
            ax.set_ylabel("share that is true")
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_locator(MaxNLocator(4))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.grid(color=LINE)
        note = (
            "Test rows in bins of equally many, by the probability that the head gives. Bar: interval of the share, "
            "all bins of a head together. On the dashed line a head is calibrated; below it, what it says is true less "
            "often than it says."
        )
        return to_svg(figure, "reliability", "What probabilities are worth", note)
