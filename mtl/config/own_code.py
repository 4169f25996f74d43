"""Which code of a user's own a run was made by: results keep its checksum, as they keep the fingerprint of the data."""

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from mtl.config.folders import PACKAGE, named_folders
from mtl.config.run_config import RunConfig
from mtl.config.targets import DOTTED_NAME, nodes_of, targets_in

OWN_CODE = "own code"  # in ``environment`` of a result


def own_code(config: RunConfig) -> dict[str, str]:
    """By :data:`OWN_CODE`, the checksum of the modules that a config names and that lie in a folder of the user's.

    What these import is not part of it. Empty without such modules: what is installed has a version.

    Args:
        config: of a run, whose objects have been made in this process.

    Returns:
        One text, or none.
    """
    named = {target for _, target in targets_in(nodes_of(config), "") if isinstance(target, str)}
    modules = {one.rpartition(".")[0] for one in named if DOTTED_NAME.fullmatch(one)}
    places = [Path.cwd(), *(folder.resolve().parent for folder in named_folders())]
    files = {path for one in modules if one.partition(".")[0] != PACKAGE.name and (path := _file(one, places))}
    found = sha256()
    for path in sorted(files):
        found.update(path.read_bytes())
    return {OWN_CODE: found.hexdigest()[:10]} if files else {}


def _file(module: str, places: list[Path]) -> Path | None:
    """The file of a module that lies in one of these folders, and was not installed into an environment there."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    path = Path(spec.origin).resolve() if spec and spec.origin else None
    own = path and path.is_file() and "site-packages" not in path.parts and any(map(path.is_relative_to, places))
    return path if own else None
