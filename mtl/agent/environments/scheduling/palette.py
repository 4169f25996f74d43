"""Colours of jobs in charts."""

from colorsys import hls_to_rgb

Colour = tuple[float, float, float]
_BLACK = 0.016  # luminance of the dark letters, #222222

# Up to 20 jobs: the Tableau 20 palette, strong colours first, so that few jobs differ most.
_FEW = (
    *("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#76b7b2", "#edc948", "#ff9da7", "#9c755f", "#bab0ac"),
    *("#a0cbe8", "#ffbe7d", "#8cd17d", "#d37295", "#d4a6c8", "#499894", "#f1ce63", "#fabfd2", "#b6992d", "#d7b5a6"),
)


def palette(jobs: int) -> list[Colour]:
    """A colour for each job. Many jobs go once around the colour circle, in three shades so that neighbours differ."""
    if jobs <= len(_FEW):
        return [parse(code) for code in _FEW[:jobs]]
    return [hls_to_rgb(job / jobs * 0.95, (0.42, 0.56, 0.70)[job % 3], 0.55) for job in range(jobs)]


def parse(code: str) -> Colour:
    """Red, green and blue, 0 to 1, of ``#rrggbb``."""
    red, green, blue = (int(code[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def is_dark(colour: Colour) -> bool:
    """Whether white letters can be read on it better than black ones, by the contrast of WCAG 2.2."""
    return (luminance(colour) + 0.05) ** 2 < (1.0 + 0.05) * (_BLACK + 0.05)


def luminance(colour: Colour) -> float:
    """The relative luminance of WCAG 2.2, 0 to 1: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
