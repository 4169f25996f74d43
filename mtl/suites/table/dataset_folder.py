"""A data set that the library ``datasets`` of Hugging Face saved to disk, read without that library."""

import json
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import ipc

from mtl.errors import InputError

STATE, SPLITS = "state.json", "dataset_dict.json"  # files of a saved data set, and of one that has several splits


def is_dataset(folder: Path) -> bool:
    """Whether a folder holds such a data set."""
    return (folder / STATE).is_file() or (folder / SPLITS).is_file()


def read_dataset(folder: Path, option: str) -> tuple[pyarrow.Table, dict[str, list[str]]]:
    """The rows of a data set.

    Args:
        folder: as ``Dataset.save_to_disk`` wrote it.
        option: what named the folder, for messages.

    Returns:
        The rows, and by column the names of its classes, whose numbers the rows hold.

    Raises:
        InputError: it has several splits, of which one has to be named; its rows are chosen by an index; it is damaged.
    """
    if (folder / SPLITS).is_file():
        names = sorted(one.name for one in folder.iterdir() if (one / STATE).is_file())
        raise InputError(f"{option}: '{folder}' has the splits {', '.join(names)}: name one, e.g. {folder / names[0]}")
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if state.get("_indices_data_files"):
            raise InputError(f"'{folder}' holds a choice of rows beside them: save dataset.flatten_indices() instead")
        parts = [_stream(folder / entry["filename"]) for entry in state["_data_files"]]
        table = pyarrow.concat_tables(parts)
    except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException) as error:
        raise InputError(f"'{folder}' is a damaged data set: {' '.join(str(error).split())[:120]}") from None
    return table, _classes(table.schema)


def named(values: pd.Series, names: list[str]) -> pd.Series:
    """Numbers of classes as their names; -1 means that there is none."""
    return values.map(dict(enumerate(names)))


def _stream(file: Path) -> pyarrow.Table:
    with pyarrow.memory_map(str(file)) as source, ipc.open_stream(source) as reader:
        return reader.read_all()


def _classes(schema: pyarrow.Schema) -> dict[str, list[str]]:
    """Columns that are of the library's type ``ClassLabel``, with the names in the order of the numbers."""
    written = (schema.metadata or {}).get(b"huggingface")
    features = json.loads(written).get("info", {}).get("features", {}) if written else {}
    return {name: one["names"] for name, one in features.items() if one.get("_type") == "ClassLabel" and "names" in one}
