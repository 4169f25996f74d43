"""Figures whose texts may be of any language: names of tasks are a user's own."""

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager
from matplotlib.text import Text

# Fonts with Chinese letters, and with those of other languages that matplotlib's own font lacks, by system
FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "Arial Unicode MS",
)
CHINESE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff01-\uffee]")  # and Japanese, Korean


@cache
def installed_fonts() -> tuple[str, ...]:
    """Those of :data:`FONTS` that this machine has, also where they are newer than the list that matplotlib keeps."""
    names = {font.name for font in fontManager.ttflist}
    if names.isdisjoint(FONTS):
        add_new_fonts()
        names = {font.name for font in fontManager.ttflist}
    return tuple(name for name in FONTS if name in names)


def add_new_fonts() -> None:
    """Let matplotlib know the fonts that are not on its list; files that it cannot read are left out, as there."""
    for path in sorted(set(findSystemFonts()) - {font.fname for font in fontManager.ttflist}):
        with suppress(OSError, RuntimeError):
            fontManager.addfont(path)


@contextmanager
def without_missing_letters() -> Iterator[None]:
    """Within this, matplotlib does not warn of each letter that no font has: it draws a box instead."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


def warn_of_boxes(texts: Iterable[str]) -> None:
    """Warn if there are Chinese letters in texts, which no font of this machine has; Python shows it once."""
    if any(CHINESE.search(text) for text in texts):
        warnings.warn(
            f"Chinese letters are boxes in pictures: no font of this machine has them; install one such as {FONTS[0]}",
            stacklevel=2,
        )


class Picture(Figure):
    """A figure that draws letters which its first font lacks by the fonts of :data:`FONTS` that this machine has.

    Args:
        *given: what :class:`matplotlib.figure.Figure` is made of.
        **named: likewise.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        families = [str(name) for name in mpl.rcParams["font.family"]]
        # Texts take the families at the time when they are made
        mpl.rcParams["font.family"] = [*families, *(name for name in installed_fonts() if name not in families)]
        super().__init__(*given, **named)
        self._measuring = False  # drawn for its layout alone

    def draw(self, renderer: Any) -> None:
        """As the base; a letter that no font has is a box, and once it is said how Chinese ones can be seen."""
        if isinstance(renderer, RendererAgg) and not self._measuring and not installed_fonts():  # in SVG it stays text
            warn_of_boxes([text.get_text() for text in self.findobj(Text)])
        with without_missing_letters():
            super().draw(renderer)

    def draw_without_rendering(self) -> None:
        """As the base."""
        self._measuring = True
        try:
            super().draw_without_rendering()
        finally:
            self._measuring = False

    def get_tightbbox(self, *given: Any, **named: Any) -> Any:
        """As the base."""
        with without_missing_letters():
            return super().get_tightbbox(*given, **named)
