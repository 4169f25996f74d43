"""Names of columns whose accents are written in two ways: as one sign with its letter, or after it.

Files of some systems have the one and those of others the other (Unicode Standard Annex 15, forms C and D), and nobody
sees the difference.
"""

from collections.abc import Iterable
from unicodedata import normalize

import pandas as pd

from mtl.suites.table.typed_cells import TYPED_CELLS, TypedCells


def named_as(frame: pd.DataFrame, wanted: Iterable[str]) -> pd.DataFrame:
    """A table whose columns are called as they are wanted, where only their accents are written otherwise.

    Args:
        frame: the table. Columns that nothing wanted is called like keep their names.
        wanted: names of columns, some of which may be none of this table's.

    Returns:
        The table; the one given where there is nothing to change, or two of its columns would have one name.
    """
    there = set(frame.columns)
    lacking = {normalize("NFC", name): name for name in wanted if not name.isascii() and name not in there}
    names = {name: lacking[form] for name in frame.columns if (form := normalize("NFC", str(name))) in lacking}
    if len(set(names.values())) < len(names) or not names:
        return frame
    renamed = frame.rename(columns=names)
    cells = frame.attrs.get(TYPED_CELLS)
    if isinstance(cells, TypedCells):
        renamed.attrs[TYPED_CELLS] = TypedCells(cells.found.rename(columns=names))
    return renamed
