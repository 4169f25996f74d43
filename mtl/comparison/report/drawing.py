"""Figures as SVG that follow the page's colours: drawn in marker colours, which become CSS variables or fixed ones."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mtl.picture import Picture

# Marker colours; no figure uses them for anything else. Each has a CSS variable and a colour for a file of its own.
INK, MUTED, LINE = "#010203", "#010204", "#010205"
GOOD, BAD, PLAIN = "#010206", "#010207", "#010208"
SERIES = ("#01020a", "#01020b", "#01020c", "#01020d", "#01020e", "#01020f", "#010210", "#010211")
ONE_PANEL = 560  # pixels; a figure no wider than this can be read on a phone as a whole, a wider one is scrolled
STYLES: Mapping[str, tuple[str, str]] = {
    INK: ("--ink", "#1a1a1a"),
    MUTED: ("--muted", "#666666"),
    LINE: ("--line", "#d5d5d5"),
    GOOD: ("--good", "#00785a"),
    BAD: ("--bad", "#c0392b"),
    PLAIN: ("--plain", "#767676"),
    # After Okabe and Ito: told apart also by people who do not see red and green alike
    **{
        marker: (f"--s{i}", colour)
        for i, (marker, colour) in enumerate(
            zip(
                SERIES,
                ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b88600", "#3f9bd0", "#7a5195", "#6b6b6b"),
                strict=True,
            )
        )
    },
}


@dataclass(frozen=True)
class SvgFigure:
    """A drawn figure.

    Attributes:
        name: of its file.
        title: what it shows, as a heading.
        note: how to read it.
        svg: in marker colours.
    """

    name: str
    title: str
    note: str
    svg: str

    def inline(self) -> str:
        """For the page: colours from CSS variables, identifiers unique among figures."""
        text = self.svg[self.svg.index("<svg") :]
        for marker, (variable, _) in STYLES.items():
            text = text.replace(marker, f"var({variable})")
        text = re.sub(r'\bid="', f'id="{self.name}-', text)
        text = re.sub(r'(xlink:href="|url\()#', rf"\1#{self.name}-", text)
        box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
        assert box
        width, height = map(float, box.groups())  # points; a page has 4/3 pixels to each
        kind = "one" if width * 4 / 3 < ONE_PANEL else "several"
        head = f'<svg class="{kind}" viewBox="0 0 {width} {height}" style="--width: {width * 4 / 3:.0f}px" role="img" '
        text = re.sub(r"<svg [^>]*>", f'{head}aria-label="{self.title}">', text, count=1)
        return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)

    def standalone(self) -> str:
        """For a file: fixed colours on white."""
        text = self.svg
        for marker, (_, colour) in STYLES.items():
            text = text.replace(marker, colour)
        return re.sub(r"(<svg [^>]*>)", r'\1<rect width="100%" height="100%" fill="#ffffff"/>', text, count=1)


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings within the project's figures: text stays text, thin lines, no boxes."""
    settings: dict[Any, Any] = {
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "mtl",
        "font.family": "sans-serif",
        "font.size": 9,
        "text.color": INK,
        "axes.edgecolor": LINE,
        "axes.labelcolor": MUTED,
        "axes.titlesize": 10,
        "axes.titlecolor": INK,
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "xtick.color": LINE,
        "ytick.color": LINE,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "legend.labelcolor": INK,
        "lines.linewidth": 1.6,
    }
    with mpl.rc_context(settings):
        yield


def grid(panels: int, wide: int, width: float, height: float, names: float = 0.0) -> tuple[Figure, list[Axes]]:
    """So many panels in rows of at most ``wide``, each of this size in inches, with room for names on the left."""
    columns = min(wide, panels)
    rows = -(-panels // columns)
    figure = Picture(figsize=(width * columns + names, height * rows), layout="constrained")
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(panels)]
    return figure, axes


def to_svg(figure: Figure, name: str, title: str, note: str) -> SvgFigure:
    """The figure as a :class:`SvgFigure`."""
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    return SvgFigure(name, title, note, out.getvalue())
