"""Config folders: the package's own, and before it those of a user's code.

Searched in this order; of two options of one name the first one counts:

1. folders that were named: ``--config-dir``, ``hydra.searchpath=[...]``, the environment variable ``MTL_CONF``;
2. ``conf/`` in the working directory, where it holds a group of this package (``conf/weighting/``) and no
   ``config.yaml``, which is another application's;
3. those of installed packages, which name themselves in the entry-point group ``mtl.conf``;
4. the package's: ``conf/`` in the repository, ``mtl/conf/`` where it is installed.

Imports no Hydra and no torch.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from mtl.config.home import expanded
from mtl.errors import InputError

PACKAGE = Path(__file__).parent.parent
ENTRY_POINTS = "mtl.conf"
VARIABLE = "MTL_CONF"  # the named folders; a variable, so that processes which this one starts know them too
FLAGS = ("--config-dir", "-cd")
FILES = ("*.yaml", "*/*.yaml", "*/*/*.yaml")  # of a config folder
DEEPER = "*/*/*"  # among which are the folders that have none of these


def folder_of(package: Path) -> Path:
    """The config folder of a package: in it where it is installed, beside it in a repository."""
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


CONF = folder_of(PACKAGE)


def config_folders() -> list[Path]:
    """All config folders, the one that counts first in front. InputError if one that is named is not there."""
    for folder in named_folders():
        if not folder.is_dir():  # else options of its would silently be others of the same names
            raise InputError(f"{VARIABLE}: '{folder}': no such config folder")
    return found_folders()


def found_folders() -> list[Path]:
    """The config folders as they are named, whether they are there or not."""
    found = working_folder()
    return [*named_folders(), *([found] if found else []), *installed_folders(), CONF]


def named_folders() -> list[Path]:
    """The folders that a person named, for this command or in the environment."""
    return [expanded(text) for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]


def working_folder() -> Path | None:
    """``conf/`` in the working directory; None if there is none, or it is not for this package."""
    relative = Path("conf")
    if not relative.is_dir() or (relative / "config.yaml").is_file():
        return None
    folder = relative.resolve()
    if folder == CONF.resolve() or folder in named_folders() or not any((folder / name).is_dir() for name in groups()):
        return None
    return folder


@cache
def installed_folders() -> tuple[Path, ...]:
    """The config folders of installed packages. An entry point's value is the package's name; nothing is imported."""
    found = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda one: one.name):
        top, *rest = point.value.split(".")
        spec = find_spec(top)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            folder = folder_of(Path(place).joinpath(*rest))
            if folder.is_dir():
                found.append(folder.resolve())
                break
        else:
            raise InputError(
                f"the installed package {point.value} says that it has options (entry point {ENTRY_POINTS}), and there "
                "is no conf/ in it or beside it"
            )
    return tuple(found)


def name_folders(folders: Iterable[str], named_by: str = FLAGS[0]) -> None:
    """Search these folders first, in this process and those that it starts. InputError if one is not there.

    Args:
        folders: as typed.
        named_by: what they were typed after.
    """
    paths = []
    for text in folders:
        path = expanded(text.removeprefix("file://"))
        if not path.is_dir():
            raise InputError(f"{named_by}: '{text}': no such config folder")
        paths.append(path.resolve())
    known = [path for path in named_folders() if path not in paths]
    os.environ[VARIABLE] = os.pathsep.join(map(str, [*paths, *known]))


def take_folders(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Divide a command line into the folders that ``--config-dir`` names, and the other arguments."""
    folders, others = [], []
    rest = iter(arguments)
    for text in rest:
        flag, equals, value = text.partition("=")
        if flag not in FLAGS:
            others.append(text)
            continue
        named = value if equals else next(rest, "")
        if not named:
            raise InputError(f"{flag}: expected a config folder after it, such as {flag} conf")
        folders.append(named)
    return folders, others


def make_code_importable(*, working_directory: bool) -> None:
    """Let Python also find modules beside the named folders, and in the working directory; installed ones come first.

    A command that is installed does not look there, other than ``python train.py``.
    """
    places = [folder.parent for folder in named_folders()]
    if working_directory:
        places.append(Path.cwd())
    sys.path += [str(place) for place in places if str(place) not in sys.path]


@cache
def groups() -> tuple[str, ...]:
    """The config groups of the package."""
    return tuple(sorted(path.name for path in CONF.iterdir() if path.is_dir()))


def is_group(name: str) -> bool:
    """Whether there is a group of this name; those of Hydra, to which a folder may add a launcher, are none of ours."""
    return not name.startswith("hydra/") and any((folder / name).is_dir() for folder in config_folders())


def option_files(group: str) -> dict[str, Path]:
    """By name, in alphabetical order, the file of each option of a group."""
    found: dict[str, Path] = {}
    for folder in reversed(config_folders()):
        found |= {path.stem: path for path in (folder / group).glob("*.yaml")}
    return dict(sorted(found.items()))


def option_names(group: str) -> list[str]:
    """The options of a group."""
    return list(option_files(group))


def option_file(group: str, option: str | None) -> Path | None:
    """The file of an option; None if there is no such one."""
    for folder in config_folders():
        path = folder / group / f"{option}.yaml"
        if path.is_file():
            return path
    return None


def config_files(folder: Path) -> list[Path]:
    """The YAML files of a config folder, in alphabetical order, also those in folders that are links."""
    return sorted(path for pattern in FILES for path in folder.glob(pattern))


def has_deeper_folders(folder: Path) -> bool:
    """Whether a config folder has folders that :func:`config_files` does not look into."""
    return any(path.is_dir() for path in folder.glob(DEEPER))


def main_file(name: str) -> Path:
    """The file of a command's own keys, such as ``config`` or ``compare``."""
    return next(path for folder in config_folders() if (path := folder / f"{name}.yaml").is_file())
