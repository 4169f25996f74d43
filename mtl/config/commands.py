"""How a person types the commands of this package: ``python train.py`` in a repository, ``mtl train`` elsewhere."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from mtl.config.folders import PACKAGE
from mtl.config.literals import for_shell, override_argument

SCRIPTS = {
    "train": "train.py",
    "execute": "execute.py",
    "improve": "improve.py",
    "compare": "experiments/compare.py",
    "analyse": "experiments/analyse.py",
    "report": "experiments/report.py",
    "affinity": "experiments/affinity.py",
    "runs": "experiments/runs.py",
}  # the others have none

config_dirs: list[str] = []  # folders that were named by --config-dir, to be named again
_one_of_many: ContextVar[bool] = ContextVar("one_of_many", default=False)


@contextmanager
def trains_many() -> Iterator[None]:
    """Within this, a run is one of many of a command, which itself says how all of them are gone on with."""
    token = _one_of_many.set(True)
    try:
        yield
    finally:
        _one_of_many.reset(token)


def is_one_of_many() -> bool:
    """Whether a command trains many runs, of which this is one."""
    return _one_of_many.get()


def installed_command() -> str | None:
    """The command if a person used the installed one, or can use no other; None in a repository."""
    program = Path(sys.argv[0] if sys.argv else "")
    if program.name == "__main__.py" and program.parent.name == PACKAGE.name:
        return "python -m mtl"
    if program.name == "mtl" or not (PACKAGE.parent / SCRIPTS["train"]).is_file():
        return "mtl"
    return None


def typed(command: str) -> str:
    """A command as it is typed, with the config folders that were named by a flag."""
    installed = installed_command()
    in_repository = f"python {SCRIPTS[command]}" if command in SCRIPTS else f"python -m mtl {command}"
    words = f"{installed} {command}" if installed else in_repository
    return " ".join([words, *(f"--config-dir {for_shell(folder)}" for folder in config_dirs)])


def trusting(modules: Sequence[str]) -> list[str]:
    """What is typed to open a run whose config names code of these modules: of several of a package, the package."""
    packages: dict[str, list[str]] = {}
    for module in modules:
        packages.setdefault(module.partition(".")[0], []).append(module)
    named = [package if len(parts) > 1 else parts[0] for package, parts in packages.items()]
    return [override_argument("trust", named)] if named else []


def as_typed(text: str) -> str:
    """A text with its commands as they are typed."""
    installed = installed_command()
    if installed:
        for command, script in SCRIPTS.items():
            text = text.replace(f"python {script}", f"{installed} {command}")
    return text
