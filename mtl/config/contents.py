"""What a run begins with beside its data: weights in a folder that its configuration names.

Other weights in a folder of the same name make another run, so the checksum of the files goes into the configuration,
and with it into the id.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mtl.config.run_config import Node, RunConfig
from mtl.config.stamps import Stamp, stamps_of
from mtl.errors import InputError

CONTENT = "content"  # the key of the checksum, beside that of the folder
# By part of the configuration: the key that names a folder, which targets have it, and the files that are read from it
FOLDERS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "encoder": ("pretrained", ("mtl.nn.transformer.Transformer",), ("config.json", "*.safetensors", "*.bin")),
    "model": (
        "start",
        ("mtl.sharing.common_start.CommonStart", "mtl.merging.merged.Merged"),
        ("config.yaml", "best.ckpt"),
    ),
}


def with_contents(config: RunConfig) -> RunConfig:
    """The configuration with the checksum of what is in each folder of weights that it names.

    A name that is no folder here, as one on a hub, has none.
    """
    changed: dict[str, Node] = {}
    for part in FOLDERS:
        node: Node = getattr(config, part)
        found = content_of(part, node)
        if found is not None and node.get(CONTENT) != found:
            changed[part] = {**node, CONTENT: found}
    return config.changed(**changed) if changed else config


def check_contents(config: RunConfig, since: str = "this run was planned: start its command again") -> None:
    """InputError where a folder of weights has other files than when the configuration was made.

    Args:
        config: as it was made.
        since: when that was, and what to do, for the message.
    """
    for part, (key, _, _) in FOLDERS.items():
        node: Node = getattr(config, part)
        found = content_of(part, node)
        if found is not None and node.get(CONTENT) not in (None, found):
            raise InputError(f"{part}.{key}={node[key]}: its files have changed since {since}")


def content_of(part: str, node: Node) -> str | None:
    """The checksum of the files in the folder that a part of the configuration names; None if it names none."""
    key, targets, patterns = FOLDERS[part]
    name = node.get(key)
    if node.get("_target_") not in targets or not isinstance(name, str) or not Path(name).is_dir():
        return None
    files = sorted({file for pattern in patterns for file in Path(name).glob(pattern) if file.is_file()})
    return digest_of(stamps_of(files))


def acting_files(config: RunConfig) -> dict[str, str]:
    """By path, a checksum of each file that the environment of a run is told to read, as of instances to schedule.

    Of another run, such as one that decides beside the agent, that of its weights.
    """
    found = {}
    for text in sorted(set(_texts(config.execution))):
        try:
            path = Path(text).expanduser()
            file = path / "best.ckpt" if path.is_dir() else path
            stamps = stamps_of([file])
        except (OSError, ValueError, RuntimeError):  # a text that is no path
            continue
        if stamps:
            found[text] = digest_of(stamps)
    return found


def _texts(node: Any) -> Iterator[str]:
    """Every text in a part of a configuration that may be a path, or several with commas between them."""
    if isinstance(node, Mapping):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield from (part.strip() for part in {node, *node.split(",")} if "." in part or "/" in part)


def check_pretrained(config: RunConfig, run: Path) -> None:
    """InputError where the folder of the model that the training of a run began with is not what it was.

    A run has all weights of its own, and reads from this folder of what shape its network is.

    Args:
        config: of the run.
        run: its directory, for the message.

    Raises:
        InputError: the folder is not there, or has other files.
    """
    key, node = FOLDERS["encoder"][0], config.encoder
    if node.get(CONTENT) is None:
        return
    found = content_of("encoder", node)
    if found != node[CONTENT]:
        what = "there is no such folder" if found is None else "its files have changed since the training"
        raise InputError(
            f"run '{run}': encoder.{key}={node[key]}: {what} (seen from {Path.cwd()}); the run is read with the model "
            "that its training began with: put it back under this name"
        )


@cache
def digest_of(stamps: tuple[Stamp, ...]) -> str:
    """Of names and contents; files of the same size and time are read once in a process."""
    total = hashlib.sha256()
    for path, _, _ in stamps:
        try:
            with path.open("rb") as file:
                total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise InputError(f"'{path}' cannot be read ({error.strerror})") from None
    return total.hexdigest()[:16]
