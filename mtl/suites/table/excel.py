"""A sheet of an Excel workbook, its cells as the texts that a text file would have."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pandas as pd

from mtl.errors import InputError, lacks, unknown
from mtl.suites.table.delimited import LOOK, check_preamble, column_names, frame_of
from mtl.suites.table.typed_cells import PERCENT, PLAIN, TEXT, TIME, typed_cells, with_cells

LONG = r"-?\d{16,}"
Row = tuple[int, list[str], list[int]]  # its number, its cells as texts, and what each of them is


def read_sheet(
    content: IO[bytes], path: Path, sheet: str | None, header: bool | None, skip: int
) -> tuple[pd.DataFrame, list[str]]:
    """The cells of a sheet as texts; what they mean is fitted as for a text file.

    Dates are written year first, numbers with a decimal point, whole ones without; which cells are numbers or times is
    kept beside them (:mod:`~mtl.suites.table.typed_cells`). Of a formula the value counts that Excel kept beside it.
    The value of cells of one column that are merged is that of each of them.

    Args:
        content: of the file.
        path: of the file, for messages.
        sheet: its name; None: the first one that is not hidden and not empty.
        header: whether the first row has the names of the columns; None: it has, and must not look like values.
        skip: rows before the header.

    Returns:
        The rows, and notes for the user.

    Raises:
        InputError: no workbook, no such sheet, a formula without a value, no header.
    """
    book = _workbook(content, path, values=True)
    shown = [one.title for one in book.worksheets if one.sheet_state == "visible"]
    if sheet is not None and sheet not in book.sheetnames:
        raise unknown(f"sheet of '{path}' in task.sheet", sheet, book.sheetnames)
    candidates = [name for name in shown or book.sheetnames if any(True for _ in _rows(book[name]))]
    chosen = sheet or (candidates or book.sheetnames)[0]
    rows = list(islice(_rows(book[chosen]), skip, None))
    if not rows:
        return pd.DataFrame(), []
    width = max(len(row) for _, row, _ in rows)
    texts = [(number, row + [""] * (width - len(row))) for number, row, _ in rows]
    if header is not False:
        check_preamble(texts[:LOOK], path)
    names = column_names(texts[0][1], path, header)
    first = 0 if header is False else 1
    frame = frame_of(iter(texts[first:]), names, f"'{path}' cannot be read")
    if len(set(names)) == len(names):
        what = [kinds + [TEXT] * (width - len(kinds)) for _, _, kinds in rows[first:]]
        frame = with_cells(frame, [pd.DataFrame(what, columns=names, dtype="int8")])
    if frame.isna().to_numpy().any():
        _check_formulas(content, path, chosen)
    notes = [f"'{path}': {note}" for note in [*_layout(book[chosen], rows[0][0]), *_rounded(frame)]]
    others = ", ".join(f"'{name}'" for name in book.sheetnames if name != chosen)
    return frame, [f"'{path}': sheet '{chosen}' is read, not {others}", *notes] if others and sheet is None else notes


def _workbook(content: IO[bytes], path: Path, *, values: bool) -> Any:
    try:
        import openpyxl
    except ImportError:
        raise lacks(f"'{path.name}', an Excel file,", "openpyxl", "excel") from None
    content.seek(0)
    try:
        return openpyxl.load_workbook(content, data_only=values)
    except Exception as error:  # openpyxl lets through whatever its parsers raise
        raise InputError(f"'{path}' is damaged or no .xlsx file: {' '.join(str(error).split())[:120]}") from None


def _rows(sheet: Any) -> Iterator[Row]:
    """Rows with their number, without empty ones and without empty cells at the end."""
    above = {
        (row, area.min_col): sheet.cell(area.min_row, area.min_col)
        for area in sheet.merged_cells.ranges
        if area.min_col == area.max_col
        for row in range(area.min_row, area.max_row + 1)
    }
    for number, cells in enumerate(sheet.iter_rows(), 1):
        found = [above.get((number, column), cell) for column, cell in enumerate(cells, 1)]
        row = [_text(cell.value) for cell in found]
        while row and not row[-1]:
            row.pop()
        if row:
            yield number, row, [_kind(cell) for cell in found[: len(row)]]


def _kind(cell: Any) -> int:
    """What a cell is, of those that :mod:`~mtl.suites.table.typed_cells` tells apart."""
    if isinstance(cell.value, date):  # also with a time of the day
        return TIME
    if isinstance(cell.value, bool) or not isinstance(cell.value, int | float | timedelta):
        return TEXT
    return PERCENT if "%" in cell.number_format else PLAIN


def _layout(sheet: Any, header: int) -> list[str]:
    """What of the look of a sheet is lost below its header: merged cells, hidden rows."""
    areas = [area for area in sheet.merged_cells.ranges if area.max_row > header]
    tall = [area.coord for area in areas if area.min_col == area.max_col]
    wide = [area.coord for area in areas if area.min_col < area.max_col]
    hidden = [row for row, look in sheet.row_dimensions.items() if look.hidden and header < row <= sheet.max_row]
    notes = []
    if tall:
        notes.append(f"of merged cells ({_some(tall)}) each row has the value")
    if wide:
        notes.append(f"of cells merged over several columns ({_some(wide)}) only the first has the value")
    if hidden:
        notes.append(f"hidden rows ({len(hidden)}, such as row {min(hidden)}) count as any other")
    return notes


def _rounded(frame: pd.DataFrame) -> list[str]:
    """Columns of cells that are numbers with more digits than such a cell keeps."""
    notes = []
    for name in frame.columns if frame.columns.is_unique else ():
        numbers = frame[name][typed_cells(frame[name]) != TEXT].dropna()
        count = int(numbers.str.fullmatch(LONG).sum())
        if count:
            notes.append(
                f"column '{name}': {count} whole numbers have more than the 15 digits that a cell of Excel keeps, so "
                "that two of them may have become one; where they are identifiers, keep them there as texts"
            )
    return notes


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f", ... {len(names)} in all" if len(names) > 3 else "")


def _text(cell: object) -> str:
    """A cell as a text file would have it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d") if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return repr(cell.total_seconds())
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _check_formulas(content: IO[bytes], path: Path, sheet: str) -> None:
    """InputError for the first formula beside which no value was kept: it would count as missing."""
    kept, written = (_workbook(content, path, values=values)[sheet] for values in (True, False))
    for row in written.iter_rows():
        for cell in row:
            if cell.data_type == "f" and kept[cell.coordinate].value is None:
                raise InputError(
                    f"'{path}': cell {cell.coordinate} of sheet '{sheet}' is a formula without a value: open the file "
                    "in a spreadsheet program and save it"
                )
