"""The figure of an improvement in rounds: what each round would gain, and what the network that is kept achieves."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtl.config.run_result import RoundResult
from mtl.inspection.colours import GROUP_COLOURS
from mtl.picture import Picture

KEPT, LEFT = "#00785a", "#6b6b6b"


def rounds_figure(rounds: Sequence[RoundResult], reference: str = "the plain rule") -> Figure:
    """Two panels over the rounds.

    On the left the gain of the proposed network over that of before with its interval, green where it was kept. On the
    right what the network achieves that goes on, by group of instances; each round has instances of its own, so that
    what a line does within noise means nothing.

    Args:
        rounds: at least one.
        reference: what gains are relative to, for people.

    Returns:
        The figure.
    """
    figure = Picture(figsize=(9.0, 3.6), layout="constrained")
    gains, achieved = figure.subplots(1, 2)
    gains.axhline(0.0, color="black", linewidth=0.8)
    for one in rounds:
        colour, filled = (KEPT, KEPT) if one.kept else (LEFT, "white")
        gains.plot([one.number] * 2, [100 * one.gain.low, 100 * one.gain.high], color=colour, linewidth=2)
        gains.plot([one.number], [100 * one.gain.mean], "o", color=colour, markerfacecolor=filled)
    gains.set_ylabel("gain in points, above 0 is better")
    gains.set_title("Gain of each round, with its interval (filled: kept)", fontsize=10)
    for place, name in enumerate(rounds[0].before):
        values = [
            100 * rounds[0].before[name],
            *(100 * (one.after if one.kept else one.before)[name] for one in rounds),
        ]
        numbers = [rounds[0].number - 1, *(one.number for one in rounds)]
        colour = GROUP_COLOURS[place % len(GROUP_COLOURS)]
        achieved.plot(numbers, values, "o-", color=colour, markersize=3, label=name)
    achieved.axhline(0.0, color="black", linewidth=0.8)
    achieved.set_ylabel(f"% of {reference}, lower is better")
    achieved.set_title("What the network achieves that goes on", fontsize=10)
    achieved.legend(fontsize=8)
    for axes in (gains, achieved):
        axes.set_xlabel("round")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
