"""Which classes and functions a configuration may name: the run directory of somebody else is data, not code.

A ``_target_`` is allowed where it is

- a class of one of this package's ``PARTS``, which are what a configuration is made of,
- named by a YAML of the package's ``conf/``, of an installed package's, or in another config folder that the user
  names (:mod:`mtl.config.folders`), or
- in a module that the user trusts: ``trust=[acme]``.

A ``conf/`` that is merely there, in the working directory, opens no run directory: both may come from the same
stranger. What it names is allowed where a person types the configuration, as for a training.

What a run directory says of trust is not heard: see :attr:`mtl.runs.directory.Run.config`.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig

from mtl.config import folders
from mtl.config.folders import PACKAGE, config_files, make_code_importable
from mtl.config.raised import raised_by
from mtl.config.run_config import RunConfig
from mtl.config.search_path import PROVIDER
from mtl.config.stamps import Stamp, stamps_of
from mtl.errors import InputError, suggestion

# The others write files and start processes: their classes are no options of a run
PARTS = ("agent", "merging", "nn", "sharing", "suites", "trees", "weighting")
NODES = tuple(name for name, field in RunConfig.model_fields.items() if field.annotation == dict[str, Any])
DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
imported: set[str] = set()  # targets that were found in this process


def check_config(config: RunConfig) -> None:
    """Raise InputError for the first target of a run that is not allowed. Imports nothing."""
    check_targets(nodes_of(config), "", config.trust)


def nodes_of(config: RunConfig) -> dict[str, Any]:
    """By key, the parts of a config that name targets."""
    return {name: getattr(config, name) for name in (*NODES, "callbacks", "logger")}


def check_targets(node: Any, where: str, trust: Sequence[str] = ()) -> None:
    """Check every target of a node, at any depth. Imports nothing.

    Args:
        node: plain values.
        where: the node's key in the configuration, for messages.
        trust: modules in which targets are allowed.

    Raises:
        InputError: names the first target that is not allowed, and what would allow it.
    """
    for place, target in targets_in(node, where):
        check_target(target, place, trust, needed_trust(node, trust))


def targets_in(node: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Every target of a node with its key."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield f"{where}._target_", node["_target_"]
        for key, value in node.items():
            yield from targets_in(value, f"{where}.{key}" if where else str(key))
    elif isinstance(node, list | tuple):
        for place, value in enumerate(node):
            yield from targets_in(value, f"{where}[{place}]")


def needed_trust(node: Any, trust: Sequence[str]) -> Iterator[str]:
    """What has to be trusted for the targets of a node: the modules that are, and those that are to be."""
    for _, target in targets_in(node, ""):
        if (
            isinstance(target, str)
            and DOTTED_NAME.fullmatch(target)
            and not (is_of_package(target) or is_named(target))
        ):
            yield next((module for module in trust if is_trusted(target, [module])), target.rpartition(".")[0])


def check_target(target: Any, where: str, trust: Sequence[str] = (), needed: Iterable[str] = ()) -> None:
    """Raise InputError if a target is not allowed. Imports nothing.

    Args:
        target: what is named.
        where: its key in the configuration, for messages.
        trust: modules in which targets are allowed.
        needed: what the configuration needs trusted in all, for the message: following it once is to be enough.

    Raises:
        InputError: says what would allow it.
    """
    if not isinstance(target, str) or not DOTTED_NAME.fullmatch(target):
        raise InputError(f"{where}={str(target)[:100]}: expected the full name of a class, such as mtl.nn.mlp.MLP")
    if is_trusted(target, trust) or is_of_package(target) or is_named(target):
        return
    modules = dict.fromkeys([*needed, target.rpartition(".")[0]])
    raise InputError(
        f"{where}={target[:200]}: not run, since it is neither named in conf/ nor a class of {', '.join(_parts())}; if "
        f"you trust that code: trust=[{','.join(module[:200] for module in modules)}]"
    )


def find_target(target: Any, where: str, trust: Sequence[str] = ()) -> Any:
    """Import what a target names.

    Args:
        target: the full name.
        where: its key in the configuration, for messages.
        trust: modules in which targets are allowed.

    Returns:
        The class or function.

    Raises:
        InputError: it is not allowed, there is no such thing, or its name leads to another module than it says.
    """
    check_target(target, where, trust)
    path, *names = target.split(".")
    make_code_importable(working_directory=is_trusted(target, trust))
    try:
        found: Any = import_module(path)
        for name in names:
            path = f"{path}.{name}"
            found = getattr(found, name) if hasattr(found, name) else _submodule(found, path)
            if inspect.ismodule(found) and found.__name__ != path:
                raise InputError(f"{where}={target}: not run, since {path} is the module {found.__name__}")
    except InputError:
        raise
    except Exception as error:  # whatever a module raises while it is imported
        hint = ""
        if isinstance(error, ModuleNotFoundError) and error.name and f"{target}.".startswith(f"{error.name}."):
            hint = (
                "; code that is not installed is found in the working directory, and beside a config folder that is "
                "named by --config-dir"
            )
        raise InputError(f"cannot build {target}: {' '.join(str(error).split())}{hint}") from None
    except SystemExit as error:
        if not raised_by(error, {path.partition(".")[0]}):  # a handler of a signal, say
            raise
        raise InputError(f"cannot build {target}: its module ends the program when it is imported") from None
    imported.add(target)
    if not callable(found):
        raise InputError(f"{where}={target}: expected a class or function, and it is a {type(found).__name__}")
    if not is_named(target):
        _check_origin(found, target, where, classes_only=not is_trusted(target, trust))
    return found


def _submodule(parent: Any, path: str) -> Any:
    if not inspect.ismodule(parent) or not hasattr(parent, "__path__"):  # a class, or a module without others in it
        of, _, name = path.rpartition(".")
        near, _ = suggestion(name, [one for one, value in vars(parent).items() if inspect.isclass(value)])
        raise AttributeError(f"no '{name}' in {of}{near and f': {near.strip()}'}")
    return import_module(path)


def _check_origin(found: Any, target: str, where: str, *, classes_only: bool) -> None:
    """Raise InputError for what a module has only imported from another package, and for a function of this one."""
    root = target.partition(".")[0]
    origin = str(getattr(found, "__module__", None) or root)
    if origin.partition(".")[0] != root:
        raise InputError(f"{where}={target}: not run, since it is of the module {origin}")
    if classes_only and not inspect.isclass(found):
        raise InputError(f"{where}={target}: not run, since it is no class; a function has to be named in conf/")


def is_of_package(target: str) -> bool:
    """Whether a name is a module of this package's ``PARTS``, and one name in it."""
    root, *parts, _ = target.split(".")
    if root != PACKAGE.name or not parts or parts[0] not in PARTS:
        return False
    path = PACKAGE.joinpath(*parts)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def is_trusted(target: str, trust: Sequence[str]) -> bool:
    """Whether a name is in one of these modules."""
    return any(target.startswith(f"{module}.") for module in trust)


def is_named(target: str) -> bool:
    """Whether a config folder of the user's names exactly this."""
    found = trusted_folders()
    if any(target in _targets_at_first(folder) for folder in found):
        return True
    return any(target in targets_of_folder(folder) for folder in found)  # files may have been written since


def trusted_folders() -> list[Path]:
    """The config folders but the one that is merely there; also those of a Hydra application of the user's own."""
    found = [*folders.named_folders(), *folders.installed_folders(), folders.CONF]
    if HydraConfig.initialized():
        sources = HydraConfig.get().runtime.config_sources
        found += [Path(one.path) for one in sources if one.schema == "file" and one.provider != PROVIDER]
    return found


def own_modules(nodes: Mapping[str, Any]) -> list[str]:
    """Modules of those targets, in what a person typed, that ``conf/`` in the working directory names."""
    folder = folders.working_folder()
    named = targets_of_folder(folder) if folder else frozenset()
    found = dict.fromkeys(
        target.rpartition(".")[0]
        for _, target in targets_in(nodes, "")
        if isinstance(target, str) and target in named and DOTTED_NAME.fullmatch(target)
        if not is_named(target) and not is_of_package(target)
    )
    return list(found)


def targets_of_folder(folder: Path) -> frozenset[str]:
    """Every target that the YAML files of a folder name. InputError for a file that is no YAML."""
    return _targets_of(stamps_of(config_files(folder)))


@cache
def _targets_at_first(folder: Path) -> frozenset[str]:
    """The same when the folder was first asked for: to look at all of its files again takes a millisecond."""
    return targets_of_folder(folder)


@cache
def _targets_of(files: tuple[Stamp, ...]) -> frozenset[str]:
    found: set[str] = set()
    for path, _, _ in files:
        try:
            text = path.read_text(encoding="utf-8")
            if "_target_" in text:
                found |= {str(target) for _, target in targets_in(yaml.safe_load(text), "")}
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InputError(f"'{path}' cannot be read: {' '.join(str(error).split())[:200]}") from None
    return frozenset(found)


def _parts() -> list[str]:
    return [f"{PACKAGE.name}.{part}" for part in PARTS]
