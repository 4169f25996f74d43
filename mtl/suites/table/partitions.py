"""Files that a table was divided into: in one folder, or in folders whose names say a value of all their rows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from mtl.errors import InputError

PARQUET = (".parquet", ".pq")
# Of tables of other kinds, which nobody should think read; texts and JSON often lie there for another reason
OTHERS = (".csv", ".tsv", ".jsonl", ".ndjson", ".arrow", ".feather", ".xlsx")
PACKED = (".gz", ".xz", ".bz2", ".zip")
NOTHING = ("", "__HIVE_DEFAULT_PARTITION__")  # what stands for a missing value
WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")


@dataclass(frozen=True)
class Part:
    """A file, and what the names of its folders say.

    Attributes:
        file: it.
        values: by column, the text; None: missing.
    """

    file: Path
    values: Mapping[str, str | None]


def parts_of(folder: Path, option: str) -> list[Part]:
    """The ``.parquet`` files of a folder, in the order of their names.

    Folders in it are named ``year=2024``, as Hive, Spark and pyarrow write them. Names that begin with a dot are none.

    Args:
        folder: it.
        option: what named it, for messages.

    Returns:
        The files; none where there are none.

    Raises:
        InputError: a file or folder that would be left out, or files whose folders say different things.
    """
    found = list(_parts(folder, {}, folder, option))
    for part in found:
        if list(part.values) != list(found[0].values):
            here, there = (" and ".join(one.values) or "nothing" for one in (part, found[0]))
            raise InputError(
                f"{option}: the folders of '{part.file.relative_to(folder)}' say {here}, those of "
                f"'{found[0].file.relative_to(folder)}' {there}"
            )
    return found


def _parts(folder: Path, values: Mapping[str, str | None], top: Path, option: str) -> Iterator[Part]:
    for one in sorted(folder.iterdir()):
        if one.name.startswith("."):
            continue
        if one.is_dir():
            name, sign, value = one.name.partition("=")
            if sign and name and name not in values:
                text = unquote(value)
                yield from _parts(one, {**values, name: None if text in NOTHING else text}, top, option)
            elif any(_holds(file) for file in one.rglob("*")):
                raise InputError(
                    f"{option}: '{one.relative_to(top)}' in the folder '{top}' has files of rows, and is not named "
                    "like year=2024, which is then a column: name one folder, or save all rows as one file"
                )
        elif one.suffix.lower() in PARQUET:
            yield Part(one, values)
        elif _holds(one):
            raise InputError(
                f"{option}: '{one.relative_to(top)}' in the folder '{top}' would be left out: of a folder, .parquet "
                "files are read"
            )


def _holds(file: Path) -> bool:
    """Whether a file has rows by its name."""
    name = file.with_suffix("") if file.suffix.lower() in PACKED else file
    return name.suffix.lower() in (*PARQUET, *OTHERS)


def with_values(frames: list[tuple[Part, pd.DataFrame]]) -> list[pd.DataFrame]:
    """The rows of files with the columns that their folders say, numbers where all values are whole ones.

    InputError for a column that the files have, too.
    """
    names = list(frames[0][0].values)
    whole = {
        name: all(text is None or WHOLE.fullmatch(text) for text in (part.values[name] for part, _ in frames))
        for name in names
    }
    found = []
    for part, frame in frames:
        for name in names:
            if name in frame.columns:
                raise InputError(f"'{part.file}' has the column '{name}', which the name of its folder says, too")
            text = part.values[name]
            value = int(text) if text is not None and whole[name] else text
            frame[name] = pd.Series([value] * len(frame), index=frame.index, dtype="Int64" if whole[name] else "str")
        found.append(frame)
    return found
