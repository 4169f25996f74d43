"""The answer to ``--cache`` and ``--remove-cache=<folder>``: what lies in the cache, and its removal."""

from collections.abc import Sequence

from mtl.errors import InputError
from mtl.suites.sources.cache import cache_directory
from mtl.suites.sources.cache_contents import ALL, KINDS, REMOVABLE, Stored, remove, stored

SHOW, REMOVE = "--cache", "--remove-cache"
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def asks_for_cache(arguments: Sequence[str]) -> bool:
    """Whether one of the arguments is about the cache."""
    return any(argument.partition("=")[0] in (SHOW, REMOVE) for argument in arguments)


def cache_page(arguments: Sequence[str]) -> str:
    """Do what the arguments ask for, and say it.

    Args:
        arguments: ``--cache``, or ``--remove-cache=`` and the name of a folder or ``all``.

    Returns:
        What to print.

    Raises:
        InputError: other arguments beside it, no such folder, or a program writes there now.
    """
    if len(arguments) > 1:
        raise InputError(f"{SHOW} and {REMOVE} stand alone: '{' '.join(arguments)}'")
    flag, _, name = arguments[0].partition("=")
    if flag == REMOVE:
        removed = remove(name)
        return "\n".join([f"removed from {cache_directory()}:", *map(_line, removed)])
    named = "; ".join(f"python train.py {REMOVE}={one}" for one in (*REMOVABLE, ALL))
    return "\n".join(
        [
            f"cache: {cache_directory()} (the variable MTL_CACHE names another)",
            *map(_line, stored()),
            f"remove: {named}",
        ]
    )


def _line(one: Stored) -> str:
    return f"  {one.name:<9} {_shown(one.size):>10} in {one.files} files: {KINDS[one.name]}"


def _shown(size: float) -> str:
    for unit in UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.0f} {UNITS[-1]}"
