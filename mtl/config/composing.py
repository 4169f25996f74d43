"""The config that overrides make, composed by Hydra once for each choice of options. Imports no torch."""

import os
from contextlib import suppress
from copy import deepcopy
from functools import lru_cache
from typing import Any

from hydra import compose
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from mtl.config.folders import config_files, config_folders, has_deeper_folders
from mtl.config.overrides import is_option, parse_override
from mtl.config.stamps import Stamp, stamps_of

COMPOSE_ERRORS = (HydraException, OmegaConfBaseException)  # for an override that does not fit


def compose_with_hydra(config_name: str, given: list[str]) -> tuple[DictConfig, dict[str, Any]]:
    """The config, and the option chosen in each group. One of ``COMPOSE_ERRORS`` for overrides that do not fit.

    Hydra composes it once of the chosen options, which takes most of the time; values are put into a copy of that.
    """
    chosen = tuple(text for text in given if is_option(text))
    values = [parse_override(text) for text in given if text not in chosen]
    keys_of_groups = any(isinstance(parse_override(text).value(), dict) for text in chosen)
    try:
        if all(_is_plain(one) for one in values) and not keys_of_groups:
            cfg, choices = deepcopy(_of_options(config_name, chosen))
            for one in values:
                OmegaConf.update(cfg, one.key_or_group, one.value(), merge=True)
            return cfg, choices
    except (*COMPOSE_ERRORS, AttributeError):
        pass  # Hydra says of which override it is
    try:
        return _without_hydra(compose(config_name, given, return_hydra_config=True))
    except AttributeError:  # what is null for Hydra is given keys
        raise HydraException("no keys are expected there") from None


def _is_plain(override: Override) -> bool:
    """Whether it gives one value to a key that is there, and Hydra has no part in it."""
    return (
        override.type is OverrideType.CHANGE
        and override.package is None
        and not override.is_sweep_override()
        and not override.is_hydra_override()
    )


def _without_hydra(cfg: DictConfig) -> tuple[DictConfig, dict[str, Any]]:
    """The config without Hydra's own settings, and the option chosen in each group."""
    choices = dict(cfg.hydra.runtime.choices)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg, choices


def defaults(config_name: str, chosen: tuple[str, ...]) -> DictConfig:
    """The config with these options of groups, and no other override."""
    return _of_options(config_name, chosen)[0]


def _of_options(config_name: str, chosen: tuple[str, ...]) -> tuple[DictConfig, dict[str, Any]]:
    """The config with these options of groups and no other override, and the option of each group.

    It is composed once for each state of what it may depend on.
    """
    folders = config_folders()
    if any(has_deeper_folders(folder) for folder in folders):  # an option may be made of files there
        return _without_hydra(compose(config_name, list(chosen), return_hydra_config=True))
    files = tuple(stamps_of(config_files(folder)) for folder in folders)
    variables = tuple(sorted(os.environ.items())) if any(map(_read_variables, files)) else ()
    return _composed_of_options(files, variables, config_name, chosen)


@lru_cache(maxsize=100)
def _read_variables(files: tuple[Stamp, ...]) -> bool:
    """Whether one of these files reads a variable of the environment: which options are chosen may depend on it."""
    for path, *_ in files:
        with suppress(OSError):  # Hydra says so where it needs the file
            if b"oc.env" in path.read_bytes():
                return True
    return False


@lru_cache(maxsize=100)
def _composed_of_options(
    files: tuple[tuple[Stamp, ...], ...],
    variables: tuple[tuple[str, str], ...],
    config_name: str,
    chosen: tuple[str, ...],
) -> tuple[DictConfig, dict[str, Any]]:
    return _without_hydra(compose(config_name, list(chosen), return_hydra_config=True))
