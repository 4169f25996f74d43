"""What is named by a folder or by a name on the Hugging Face hub: one line where it is neither."""

import logging
from pathlib import Path

from mtl.errors import InputError, suggestion

CONFIG = "config.json"  # which every folder of a pretrained model has


def say_no_attempts() -> None:
    """Keep the library that asks the hub from telling of each of its attempts; the last one ends in an error."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def cannot_be_read(option: str, source: str, error: Exception) -> InputError:
    """The line for a model or a tokenizer that the library could not read.

    Args:
        option: that names it.
        source: the folder, or its name on the hub.
        error: what the library said.

    Returns:
        The line, which also says where no folder has that name, with the nearest one.
    """
    said = " ".join(str(error).split())
    said = said if len(said) <= 200 else f"{said[:200]}..."
    place = Path(source)
    if place.is_dir():
        return InputError(f"{option}={source}: {said}")
    beside = [str(found.parent) for found in place.parent.glob(f"*/{CONFIG}")]
    near, _ = suggestion(source, sorted(beside))
    return InputError(f"{option}={source}: no folder of this name: {near}the Hugging Face hub: {said}")
