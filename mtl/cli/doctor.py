"""What is installed, what is missing, what this machine has: ``mtl doctor``."""

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from mtl import __version__
from mtl.cli.streams import print_page
from mtl.config import folders
from mtl.config.system import usable_cores
from mtl.errors import DISTRIBUTION, InputError

HELP = """\
mtl doctor

Says which version this is and where it is, which libraries are there and which extras are incomplete, what the machine
has, and which config folders are searched.
"""
# the extras that options of a run need
FOR_USERS = ("scheduling", "text", "vision", "trees", "sweep", "tune", "excel", "sql", "mlflow", "wandb", "aim")
GIGABYTE = 2**30


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if {"-h", "--help"} & set(arguments):
        print_page(HELP)
        return 0
    if arguments:
        raise InputError(f"'{arguments[0]}': doctor takes no arguments")
    sections = {
        "installed": installed(),
        "extras": extras(),
        "machine": machine(),
        "config folders, the first one counts": config_folders(),
    }
    for title, lines in sections.items():
        print(f"{title}:")
        for what, value in lines:
            print(f"  {what:<18} {value}".rstrip())
    return 0


def installed() -> Iterator[tuple[str, str]]:
    """Versions, and where the package is."""
    yield "mtl", f"{__version__}, in {folders.PACKAGE}"
    yield "Python", f"{platform.python_version()}, {sys.executable}"
    for name in ("torch", "pytorch-lightning", "hydra-core", "torchmetrics"):
        yield name, found_version(name) or "missing"


def found_version(name: str) -> str | None:
    """The version of an installed distribution; None if it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def extras() -> Iterator[tuple[str, str]]:
    """For each extra that options of a run need, whether it is complete, and else what to type."""
    try:
        declared = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        yield "unknown", f"{DISTRIBUTION} is not installed: this is run from its source"
        return
    for extra in FOR_USERS:
        needed = [one for one in declared if one.marker and one.marker.evaluate({"extra": extra})]
        missing = [text for one in needed if (text := what_is_missing(one))]
        lacking = f"missing {', '.join(missing)}: pip install '{DISTRIBUTION}[{extra}]'"
        yield extra, lacking if missing else "complete"


def what_is_missing(needed: Requirement) -> str:
    """The name of a library that is not there, or is there in a version that is not the one needed; else nothing."""
    found = found_version(needed.name)
    if found is None:
        return needed.name
    return (
        ""
        if needed.specifier.contains(found, prereleases=True)
        else f"{needed.name}{needed.specifier} ({found} is there)"
    )


def machine() -> Iterator[tuple[str, str]]:
    """Cores, memory, graphics processors and fonts."""
    import torch  # slow to import, as is what draws, and help does not need them

    from mtl.picture import FONTS, installed_fonts
    from mtl.training.half_precision import bf16_instructions

    memory = psutil.virtual_memory()
    yield "system", platform.platform()
    yield "cores", f"{usable_cores()} usable of {psutil.cpu_count() or 'unknown'}"
    bf16 = bf16_instructions()
    if bf16 is not None:
        yield "bfloat16", f"by {', '.join(bf16)}: hardware=cpu_bf16" if bf16 else "no instructions for it"
    yield "memory", f"{memory.total / GIGABYTE:.1f} GB, {memory.available / GIGABYTE:.1f} GB free"
    for number in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(number)
        yield f"GPU {number}", f"{found.name}, {found.total_memory / GIGABYTE:.1f} GB: hardware=gpu"
    if torch.backends.mps.is_available():
        yield "GPU", "Apple's, through MPS: hardware.accelerator=mps"
    elif not torch.cuda.device_count():
        yield "GPU", "none that torch can use"
    fonts = installed_fonts()
    yield "Chinese letters", f"in pictures by {fonts[0]}" if fonts else f"boxes in pictures: no font such as {FONTS[0]}"


def config_folders() -> Iterator[tuple[str, str]]:
    """Where options are searched, and why a ``conf/`` that is there is not."""
    kinds = dict.fromkeys(folders.named_folders(), "named")
    kinds |= dict.fromkeys(folders.installed_folders(), "installed")
    for folder in folders.found_folders():
        what = "" if folder.is_dir() else ": no such folder, so every other command refuses it"
        yield kinds.get(folder, "mtl" if folder == folders.CONF else "found here"), f"{folder}{what}"
    here = Path("conf").resolve()
    if here.is_dir() and here not in {folder.resolve() for folder in folders.found_folders()}:
        reason = "has a config.yaml" if (here / "config.yaml").is_file() else "has no group such as task/ or weighting/"
        yield "not searched", f"{here}: it {reason}; --config-dir {here} searches it all the same"
