"""A table for a terminal that may have no room for its columns: it becomes several, one below the other."""

from collections.abc import Sequence
from copy import copy

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from typing_extensions import override

MOST = 24  # letters of a name, or of a cell, that stay in one line
SHARE = 3  # the first column takes up to one of so many parts of the terminal
ENDLESS = 100_000  # letters of a terminal on which everything has room


class BlockTable(Table):
    """As a table of rich, but one whose columns have no room side by side is divided.

    Each part has the first column, which names the rows, and as many of the others as have room with every number in
    one line. The title is above the first part, the caption below the last one.
    """

    @override
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width
        whole = console.measure(self, options=options.update_width(ENDLESS)).maximum
        if whole <= room or len(self.columns) < 2:
            yield from super().__rich_console__(console, options)
            return
        first, *others = (self._width(place, console) for place in range(len(self.columns)))
        around = self.padding[1] + self.padding[3] + 1  # what a column takes beside its letters: with a line
        left = room - 1 - around - min(first, max(room // SHARE, 1))
        blocks = balanced([width + around for width in others], left)
        for number, places in enumerate(blocks):
            fits = sum(others[place] + around for place in places) <= left
            part = self._part([(0, None), *((place + 1, others[place] if fits else None) for place in places)])
            part.title = self.title if number == 0 else None
            part.caption = self.caption if number == len(blocks) - 1 else None
            yield from Table.__rich_console__(part, console, options)

    def _width(self, place: int, console: Console) -> int:
        """How many letters of a column stay in one line."""
        column = self.columns[place]
        return min(MOST, max(console.measure(one).maximum for one in (column.header, column.footer, *column.cells)))

    def _part(self, columns: Sequence[tuple[int, int | None]]) -> Table:
        """Some of the columns by their places, each of a width, or of one that follows from the others."""
        part = copy(self)
        part.columns, part.rows = [], []
        for place, width in columns:
            one = self.columns[place]
            part.add_column(one.header, one.footer, justify=one.justify, overflow=one.overflow, width=width)
        cells = zip(*(self.columns[place].cells for place, _ in columns), strict=True)
        for row, line in zip(self.rows, cells, strict=True):
            part.add_row(*line, style=row.style, end_section=row.end_section)
        return part


def balanced(widths: Sequence[int], room: int) -> list[range]:
    """Places of columns that stand side by side: in as few blocks as there is room for, and these about as wide.

    Args:
        widths: of the columns, in order.
        room: what a block may be wide. A wider column is a block of its own.

    Returns:
        The places in each block.
    """
    fewest = len(blocks_within(widths, room))
    return next(found for most in range(max(room, 0) + 1) if len(found := blocks_within(widths, most)) == fewest)


def blocks_within(widths: Sequence[int], room: int) -> list[range]:
    """Places of columns side by side, each block with as many as have room."""
    blocks: list[range] = []
    begin = 0
    for end in range(1, len(widths) + 1):
        if end == len(widths) or sum(widths[begin : end + 1]) > room:
            blocks.append(range(begin, end))
            begin = end
    return blocks
