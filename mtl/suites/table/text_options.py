"""Options of text files where no text file is read."""

from collections.abc import Iterable, Mapping
from typing import Any

from mtl.config.home import expanded
from mtl.errors import without_effect
from mtl.suites.table.addresses import is_database
from mtl.suites.table.packed import plain_suffix
from mtl.suites.table.reading import BINARY, EXCEL, TABBED, TEXT

TABS = ("tab", "\t")
# Of each option what it is where nobody gives it, and the files that it is for
OPTIONS: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "separator": (",", tuple(suffix for suffix in TEXT if suffix != TABBED)),
    "encoding": ("utf-8", TEXT),
    "header": (None, (*TEXT, EXCEL)),
    "skip": (0, (*TEXT, EXCEL)),
}


def check_text_options(way: Mapping[str, Any], files: Iterable[str]) -> None:
    """Refuse what is said of text files where none is read.

    Args:
        way: how text files are written; see :func:`~mtl.suites.table.reading.read_table`.
        files: all that are read, and databases.

    Raises:
        InputError: an option that none of them is read by.
    """
    given = [option for option, (default, _) in OPTIONS.items() if way[option] != default]
    if not given:
        return
    paths = [expanded(file) for file in files if not is_database(file)]
    if not all(path.exists() for path in paths):
        return  # who reads it says so, as of what is no table
    suffixes = {plain_suffix(path) for path in paths if path.is_file()}
    if not suffixes <= {*TEXT, EXCEL, *BINARY}:
        return
    for option in given:
        readers = OPTIONS[option][1]
        if option == "separator" and way[option] in TABS and TABBED in suffixes:
            continue  # which it has anyway
        if suffixes.isdisjoint(readers):
            raise without_effect(f"task.{option}", way[option], f"a file of {', '.join(readers)}")
