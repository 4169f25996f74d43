"""Which cells of a frame of texts are numbers or times in their file, so that nobody guesses how they are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

TYPED_CELLS = "typed cells"  # attribute of a frame
# A text, or no value; a number; a number that the file shows with %, as 0.12 for 12 %; a time
TEXT, PLAIN, PERCENT, TIME = range(4)


@dataclass(frozen=True, eq=False)
class TypedCells:
    """What each cell of a frame of texts is in its file.

    Numbers stand in the frame as a program writes them, with a point, and times with the year first, whatever the texts
    of the same column have.

    Attributes:
        found: :data:`TEXT`, :data:`PLAIN`, :data:`PERCENT` or :data:`TIME` of every row, by column; a column that has
            texts only may be left out.
    """

    found: pd.DataFrame

    def __deepcopy__(self, memo: object) -> Self:
        """Itself, since it is never changed, and pandas copies the attributes of a frame with every part of it."""
        return self

    def of(self, values: pd.Series) -> np.ndarray:
        """What the cells of a column, or of some of its rows, are, ``[N]``."""
        if values.name not in self.found.columns:
            return np.full(len(values), TEXT, dtype=np.int8)
        column = self.found[values.name]
        found: np.ndarray = (
            column if column.index.equals(values.index) else column.reindex(values.index, fill_value=TEXT)
        ).to_numpy()
        return found


def typed_cells(values: pd.Series) -> np.ndarray:
    """What the cells of a column of a frame are, ``[N]``; all are texts where nothing is known of them."""
    known = values.attrs.get(TYPED_CELLS)
    return np.full(len(values), TEXT, dtype=np.int8) if known is None else known.of(values)


def cells_of(frame: pd.DataFrame) -> pd.DataFrame:
    """What the cells of all columns of a frame are."""
    return pd.DataFrame({name: typed_cells(frame[name]) for name in frame.columns}, index=frame.index)


def with_cells(frame: pd.DataFrame, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """A frame that says what its cells are.

    Args:
        frame: the rows.
        parts: what the cells are, of other columns each, in the order of the rows.

    Returns:
        The frame.
    """
    columns = {
        name: part[name].to_numpy() for part in parts for name in part.columns if (part[name] != TEXT).to_numpy().any()
    }
    if columns:
        frame.attrs[TYPED_CELLS] = TypedCells(pd.DataFrame(columns, index=frame.index))
    return frame
