"""Scenes of one to three digits: how many there are, which they are, where they are."""

from typing import Any

import numpy as np
import torch
from typing_extensions import override

from mtl.nn.encoder import SINGLE
from mtl.suites.batch import Split
from mtl.suites.digits import images, suite
from mtl.suites.digits.grid import grid_boxes, grid_classes
from mtl.suites.digits.images import SOURCES, Digits, side_length
from mtl.suites.digits.suite import DigitsSuite
from mtl.suites.sources.cached_values import TENSORS, load_or_make
from mtl.tasks import NO_LABEL, classification

MOST = 3
TRIES = 50
CELL = 8  # pixels of a side of the cells that answer for the digits in them


class ScenesSuite(DigitsSuite):
    """Generated scenes of real digits; tasks ``count`` (1, 2 or 3), ``digits`` and ``boxes``.

    Each scene is empty but for one to three digits at random places, whose boxes - the smallest that hold the ink - do
    not overlap. The picture is divided into cells of 8 x 8 pixels, numbered row by row; a digit belongs to the cell
    that holds the middle of its box, and no two to the same. Inputs ``[N, 1, H, H]``, H twice the side of a digit,
    three times of optical digits; ``digits`` and ``boxes`` have one answer for each cell, see
    :mod:`mtl.suites.digits.grid`.

    Args:
        digits: ``mnist`` or ``optical`` (small and quick).
        rows: pictures of train, val and test together.
        seed: of the data (not of the training).
    """

    kind = "scenes in cells"

    def __init__(self, digits: str = "mnist", rows: int = 12000, seed: int = 0) -> None:
        super().__init__(digits, rows, seed)
        self.size = side_length(digits) * (2 if digits == "mnist" else 3)
        cells = self.size // CELL
        self.tasks = (classification("count", MOST), grid_classes("digits", cells, 10), grid_boxes("boxes", cells))
        self.input_shape = {SINGLE: (1, self.size, self.size)}

    def load(self) -> dict[str, Split]:
        """The scenes, composed once and then read from the cache."""
        source, code = SOURCES[self.digits][0], (__file__, images.__file__, suite.__file__)
        options = (self.digits, self.rows, self.seed_of_data)
        made = load_or_make("scenes", self.made, TENSORS, sources=(source,), code=code, options=options)
        return {name: Split(*split) for name, split in made.items()}

    def made(self) -> dict[str, tuple[Any, ...]]:
        """Inputs, targets and groups of each split."""
        return {name: tuple(split) for name, split in self.composed().items()}

    @override
    def compose(self, digits: Digits, rows: int, draw: np.random.Generator) -> Split:
        return compose(digits, rows, self.size, draw)


def compose(digits: Digits, rows: int, size: int, draw: np.random.Generator) -> Split:
    """``rows`` scenes of ``size`` x ``size`` pixels."""
    images = np.zeros((rows, size, size), dtype=np.float32)
    cells = (size // CELL) ** 2
    classes = np.full((rows, cells), NO_LABEL, dtype=np.int64)
    boxes = np.full((rows, cells, 4), np.nan, dtype=np.float32)
    counts = np.zeros(rows, dtype=np.int64)
    for row in range(rows):
        placed = scene(digits, images[row], int(draw.integers(1, MOST + 1)), draw)
        counts[row] = len(placed) - 1
        for label, (left, top, right, bottom) in placed:
            place = cell((left, top, right, bottom), size)
            classes[row, place] = label
            boxes[row, place] = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    targets = {
        "count": torch.from_numpy(counts),
        "digits": torch.from_numpy(classes),
        "boxes": torch.from_numpy(boxes / size),
    }
    return Split({SINGLE: torch.from_numpy(images).unsqueeze(1)}, targets)


Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels, the last two not included


def scene(digits: Digits, image: np.ndarray, count: int, draw: np.random.Generator) -> list[tuple[int, Box]]:
    """Draw up to ``count`` digits into an empty image: fewer if no free place was found. What stands where."""
    placed: list[tuple[int, Box]] = []
    for _ in range(TRIES):
        if len(placed) == count:
            break
        chosen = int(draw.integers(len(digits.labels)))
        ink = digits.images[chosen]
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        height, width = ink.shape
        top = int(draw.integers(image.shape[0] - height + 1))
        left = int(draw.integers(image.shape[1] - width + 1))
        box = (left, top, left + width, top + height)
        size = image.shape[0]
        if any(overlap(box, other) or cell(box, size) == cell(other, size) for _, other in placed):
            continue
        image[top : top + height, left : left + width] = ink
        placed.append((int(digits.labels[chosen]), box))
    return placed


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share a pixel."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def cell(box: Box, size: int) -> int:
    """Number of the cell that holds the middle of a box."""
    left, top, right, bottom = box
    return (top + bottom) // 2 // CELL * (size // CELL) + (left + right) // 2 // CELL
