"""A table of shops for a terminal of 80 characters, in which numbers are shown in full."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

TERMINAL = 80  # characters
Columns = Mapping[str, tuple[str, Sequence[str]]]  # by name, what stands below the cells, and the cells, with marks


def shop_table(title: str, notes: Sequence[str], columns: Columns, needless: Sequence[str]) -> Table:
    """A table whose first column holds names and whose others hold numbers.

    A long name is folded. Numbers are shown in full: where they take too much room, some columns are left out, and
    where that is not enough, they are folded, too.

    Args:
        title: stands above it.
        notes: lines below it.
        columns: from left to right.
        needless: names of columns that are left out where there is no room, the first ones first.

    Returns:
        The table.
    """
    shown = dict(columns)
    for name in needless:
        if fits(shown):
            break
        shown.pop(name, None)
    table = Table(
        title=title,
        caption="\n".join(notes) or None,
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_footer=True,
    )
    first, *others = shown
    table.add_column(first, shown[first][0], min_width=len(first), overflow="fold")
    for name in others:
        table.add_column(name, shown[name][0], justify="right", no_wrap=fits(shown), overflow="fold")
    for row in zip(*(cells for _, cells in shown.values()), strict=True):
        table.add_row(*row)
    return table


def fits(columns: Columns) -> bool:
    """Whether there is room for columns, of which the first one may be as narrow as its name."""
    first, *others = columns
    widths = [
        max(cell_len(Text.from_markup(text).plain) for text in (*name.split("\n"), columns[name][0], *columns[name][1]))
        for name in others
    ]
    return len(first) + sum(widths) + len(others) <= TERMINAL  # a space before each of the others
