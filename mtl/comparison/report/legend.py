"""Which configurations a figure names, and how each of them looks there."""

from collections.abc import Collection, Sequence
from math import ceil, isnan

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mtl.comparison.report.drawing import INK, MUTED, SERIES
from mtl.comparison.report.text_width import beginning, ending, width
from mtl.comparison.types import Row

LINE_HEIGHT = 0.17  # inches of a line of a legend
LINES = 3  # that there is room for below a figure of usual height
COLUMNS = 4
MOST = 16  # names of more configurations take the room of the figure itself
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    *("-", "--", ":", "-."),
    *((0, (3, 1, 1, 1, 1, 1)), (0, (1, 4)), (0, (4, 4)), (0, (4, 3, 1, 3))),  # lengths of lines and gaps
)
# Of points: without a star, which is the best one, and without two that look alike when they are small
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "<", "d", ">", "p", "h")
Look = tuple[str, str | tuple[int, tuple[int, ...]]]  # colour, dashes


def shorten(names: Sequence[str], most: int = 34) -> dict[str, str]:
    """Names short enough for a figure, each one different: cut at the end, or where that is ambiguous in the middle."""
    short = {name: name if width(name) <= most else beginning(name, most - 1) + "…" for name in names}
    half = (most - 1) // 2
    ambiguous = [name for name in short if list(short.values()).count(short[name]) > 1 and width(name) > most]
    short |= {name: f"{beginning(name, most - 1 - half)}…{ending(name, half)}" for name in ambiguous}
    for place, name in enumerate(ambiguous):
        if list(short.values()).count(short[name]) > 1:
            short[name] += f" ({place + 1})"
    return short


def best_rows(rows: Sequence[Row], stopped: Collection[str] = ()) -> tuple[list[Row], str]:
    """What a figure shows that names each configuration.

    Args:
        rows: configurations.
        stopped: keys of those that screening stopped, whose gains of one seed are not to be ranked among the others':
            they come after these.

    Returns:
        Those that learn tasks apart, and of the others up to :data:`MOST`, the best on validation; in their order. And
        a sentence for the note of the figure on what is left out, with a space before it; empty where all are shown.
    """
    together = [row for row in rows if row.multi]
    ranked = sorted(together, key=lambda row: (isnan(row.delta_validation), row.key in stopped, -row.delta_validation))
    shown = {row.label for row in ranked[:MOST]}
    left_out = f" Of {len(together)} configurations the best {MOST} on validation are named." if ranked[MOST:] else ""
    return [row for row in rows if not row.multi or row.label in shown], left_out


def styles(rows: Sequence[Row]) -> tuple[dict[str, Look], str]:
    """Colour and dashes of each label; the baseline and its kin in ink.

    Args:
        rows: configurations.

    Returns:
        By label, and what colours and dashes mean: model and weighting where these tell all configurations apart.
    """
    singles, together = ([row for row in rows if row.multi is multi] for multi in (False, True))
    ink: dict[str, Look] = {
        row.label: (INK if place < len(DASHES) else MUTED, DASHES[place % len(DASHES)])
        for place, row in enumerate(singles)
    }
    models = list(dict.fromkeys(row.model for row in together))
    weightings = list(dict.fromkeys(row.weighting for row in together))
    chosen: dict[str, Look] = {
        row.label: (
            SERIES[models.index(row.model) % len(SERIES)],
            DASHES[weightings.index(row.weighting) % len(DASHES)],
        )
        for row in together
    }
    if len(set(chosen.values())) == len(together):
        return ink | chosen, "Colour: model, dashes: weighting"
    own: dict[str, Look] = {
        row.label: (SERIES[place % len(SERIES)], DASHES[place // len(SERIES) % len(DASHES)])
        for place, row in enumerate(together)
    }
    return ink | own, "Colour and dashes: configuration"


def shapes(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """How the point of each label looks: a shape each, that of tasks learned apart hollow.

    Args:
        rows: configurations.

    Returns:
        By label, properties of a line of matplotlib.
    """
    apart_first = sorted(rows, key=lambda row: row.multi)
    return {
        row.label: {"marker": SHAPES[place % len(SHAPES)], **({} if row.multi else {"markerfacecolor": "none"})}
        for place, row in enumerate(apart_first)
    }


def legend_below(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend for all panels, each name once, for which the figure grows where it has more than a few lines."""
    found: dict[str, Artist] = {}
    for ax in axes:  # what is not drawn in the first one may be in another
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    names = list(found)
    if names:
        figure.legend(list(found.values()), names, loc="outside lower left", ncols=min(COLUMNS, len(names)), fontsize=8)
        figure.set_figheight(figure.get_figheight() + LINE_HEIGHT * max(0, ceil(len(names) / COLUMNS) - LINES))
