"""Figures whose texts may be of any language: names of tasks are a user's own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any
from warnings import catch_warnings, filterwarnings

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager

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
    with catch_warnings():
        filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


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

    def draw(self, renderer: Any) -> None:
        """As the base; a letter that no font has is a box."""
        with without_missing_letters():
            super().draw(renderer)

    def get_tightbbox(self, *given: Any, **named: Any) -> Any:
        """As the base."""
        with without_missing_letters():
            return super().get_tightbbox(*given, **named)
