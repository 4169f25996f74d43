"""The files of own code that a configuration names, each with a hash: what has changed since a run was trained.

They are those of its own targets and what these import from beside them, as their ``import`` statements say. What is
imported in another way, files of data, and other installed packages are not looked at.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from mtl.config.folders import make_code_importable
from mtl.config.own_code import theirs
from mtl.config.run_config import RunConfig
from mtl.config.targets import is_trusted, nodes_of, targets_in

INSTALLED = ("site-packages", "dist-packages")  # folders in which packages of others are, too


def code_of(config: RunConfig) -> dict[str, str]:
    """By name of an own module, a hash of its file; empty where the config names no code but this package's."""
    named = {str(target) for _, target in targets_in(nodes_of(config), "")}
    known = theirs()
    own = sorted(target for target in named if target.partition(".")[0] not in known)
    if not own:
        return {}
    make_code_importable(working_directory=any(is_trusted(target, config.trust) for target in own))
    return dict(_modules(tuple(own)))


@cache
def _modules(targets: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The modules of targets, and those that they import, with their hashes, by name."""
    found: dict[str, str] = {}
    waiting = [(target.rpartition(".")[0], _root(target.partition(".")[0])) for target in targets]
    while waiting:
        name, root = waiting.pop()
        file = None if root is None else _file(root, name)
        if root is None or file is None or name in found:
            continue
        content = file.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()[:16]
        top = name.partition(".")[0]
        others = {part for one in _imports(content, name, package=file.stem == "__init__") for part in _parts(one)}
        # Beside an installed package there are packages of others
        waiting += [(one, root) for one in others if root.name not in INSTALLED or one.partition(".")[0] == top]
    return tuple(sorted(found.items()))


def _root(package: str) -> Path | None:
    """The folder that a package, or a module of its own, is in; None where it is not found."""
    module = sys.modules.get(package)
    try:
        spec = find_spec(package) if module is None else module.__spec__
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or ())
    return Path(places[0]).parent if places else Path(spec.origin).parent if spec.origin else None


def _file(root: Path, name: str) -> Path | None:
    """The file of a module below a folder; None where it has none there."""
    path = root.joinpath(*name.split("."))
    return next((one for one in (path.with_name(f"{path.name}.py"), path / "__init__.py") if one.is_file()), None)


def _parts(name: str) -> Iterator[str]:
    """A module and the packages that it is in, which are imported with it."""
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _imports(content: bytes, name: str, *, package: bool) -> Iterator[str]:
    """Names of what a module imports: modules, and what may be one in a package."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # said where it is imported
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".") if node.level else []
            above = above[: len(above) - node.level + package]
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{one.name}" for one in node.names)
