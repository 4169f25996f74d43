"""``mtl init``: a small project for data and methods of one's own."""

import keyword
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from mtl.cli.streams import print_page
from mtl.config.commands import installed_command
from mtl.config.literals import for_shell
from mtl.errors import InputError
from mtl.runs.files import write_text

HELP = """\
mtl init NAME

Writes the folder NAME with a small project: a suite, a weighting, a sharing strategy, an encoder, a head and an
environment of your own, one Python file and (but for the head) one YAML each, and tests that hold them to what mtl's
own parts are held to.
"""
TEMPLATE = Path(__file__).parent / "template"
PLACEHOLDER = "acme"  # the name of the project that the template is
NAME = re.compile(r"[a-z][a-z0-9_]*")


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print_page(HELP)
        return 0
    if len(arguments) > 1:
        raise InputError(f"'{arguments[1]}': init takes one name")
    folder = Path(arguments[0])
    written = write_project(folder)
    command = installed_command() or "python -m mtl"
    print(f"{len(written)} files in {folder}/; its README.md says what they are. Next:")
    print(f"  cd {for_shell(str(folder))}")
    print(f"  {command} train task=deliveries weighting=largest_first model=own_layer encoder=products execution=warn")
    print(f"  {command} compare task=deliveries 'models=[hard,own_layer]' 'weightings=[equal,largest_first]'")
    if find_spec("pytest") is None:
        print("  pip install pytest")
    print("  python -m pytest")
    return 0


def write_project(folder: Path) -> list[Path]:
    """Write the project.

    Args:
        folder: where to; its name is that of the project's package.

    Returns:
        The files.

    Raises:
        InputError: the name is none of a package, or is one that is there already; the folder is not empty or cannot
            be written.
    """
    check_name(folder.name)
    written, there = [], folder.exists()
    try:
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"'{folder}': there is something in it already: expected a new folder")
        for path in sorted(TEMPLATE.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                place = Path(re.sub(rf"\b{PLACEHOLDER}\b", folder.name, path.relative_to(TEMPLATE).as_posix()))
                text = path.read_text(encoding="utf-8")
                written.append(folder / place)
                written[-1].parent.mkdir(parents=True, exist_ok=True)
                write_text(written[-1], re.sub(rf"\b{PLACEHOLDER}\b", folder.name, text))
    except OSError as error:
        if not there:  # half of a project would stand in the way of the next try
            shutil.rmtree(folder, ignore_errors=True)
        raise InputError(f"'{folder}' cannot be written: {error.strerror}") from None
    return written


def check_name(name: str) -> None:
    """Raise InputError where a project cannot be called so, since Python could not import it."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise InputError(
            f"'{name or '.'}': expected the name of a package: small letters, digits and _, such as myproject"
        )
    found = find_spec(name)
    if name in sys.stdlib_module_names or (found and found.origin):  # a folder without code has none
        raise InputError(f"'{name}': a package of this name is there already, and Python would import that one")
