"""From a file to the job shops in it."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from mtl.errors import InputError
from mtl.suites.scheduling.formats.csv_table import parse_csv
from mtl.suites.scheduling.formats.fjs import parse_fjs
from mtl.suites.scheduling.formats.matrices import parse_json
from mtl.suites.scheduling.formats.own_json import parse_own_json
from mtl.suites.scheduling.formats.text import parse_text
from mtl.suites.scheduling.formats.text_file import read_text
from mtl.suites.scheduling.instance import JobShop


def read_instances(path: Path) -> list[JobShop]:
    """The job shops of one file, in its order. The ending says the format: ``.json``, ``.csv``, ``.fjs``, else text.

    Args:
        path: of the file; see :func:`~mtl.suites.scheduling.formats.text.parse_text`,
            :func:`~mtl.suites.scheduling.formats.matrices.parse_json`,
            :func:`~mtl.suites.scheduling.formats.own_json.parse_own_json`,
            :func:`~mtl.suites.scheduling.formats.fjs.parse_fjs` and
            :func:`~mtl.suites.scheduling.formats.csv_table.parse_csv`.

    Returns:
        One instance or more. A single one is called like the file, without its ending.

    Raises:
        InputError: no such file, or it does not hold what its format says (file, line, what was expected); or two of
            its instances have one name.
    """
    found = parse(path, read_text(path, "instance file"))
    names = [instance.name for instance in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: two instances are called {name}: rename one of them")
    return found


def parse(path: Path, text: str) -> list[JobShop]:
    """The job shops in a text, of a file whose ending says the format; otherwise as :func:`read_instances`."""
    ending = path.suffix.lower()
    if ending == ".fjs":
        return [parse_fjs(path, text)]
    if ending == ".csv":
        return [parse_csv(path, text)]
    if ending == ".json":
        try:
            content = json.loads(text, object_pairs_hook=partial(with_each_key_once, path))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: no JSON: {error}") from None
        if isinstance(content, dict) and "jobs" in content:
            return [parse_own_json(f"{path}", path.stem, content)]
        return parse_json(path, content)
    return parse_text(path, text)


def with_each_key_once(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON file. InputError if it has a key twice, of which the last one would silently count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"{path}: an object has the key {twice!r} twice")
    return found
