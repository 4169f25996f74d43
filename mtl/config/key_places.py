"""Where a key at the top of a config comes from, and where it belongs. Imports no torch."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl.config.folders import option_file
from mtl.config.run_config import RunConfig
from mtl.config.study import SETTINGS
from mtl.errors import InputError, unknown


def check_top_keys(keys: Iterable[str], chosen: Mapping[str, Any]) -> None:
    """Raise InputError for a key at the top of the config of a run that is none of a run.

    Args:
        keys: at its top.
        chosen: the option of each group.
    """
    taken = {field.alias or name for name, field in RunConfig.model_fields.items()}
    known = [name for name, field in RunConfig.model_fields.items() if field.repr]
    for key in keys:
        if key in taken:
            continue
        if key in chosen:  # the keys of an option stand below its group unless its file says otherwise
            raise InputError(f"{option_file(key, chosen[key])}: expected '# @package _global_' as the first line")
        file = file_with(key, chosen)
        where = f"{file}: " if file else ""
        if key in SETTINGS:
            raise InputError(f"{where}'{key}' is a setting of comparisons: in a file it stands below 'compare:'")
        raise InputError(f"{where}{unknown('key', key, known)}")


def file_with(key: str, chosen: Mapping[str, Any]) -> Path | None:
    """The file of a chosen option that has this key at its top; None where none has, as where the key was typed.

    Nor is one found where several options of a group are chosen, which Hydra does not name.
    """
    for group, option in chosen.items():
        path = option_file(group.partition("@")[0], option)
        node = OmegaConf.load(path) if path else None
        if isinstance(node, DictConfig) and key in node:
            return path
    return None
