"""Whether overrides fit the config that they are for. Imports no torch."""

from math import isfinite
from typing import Any

from hydra import compose
from omegaconf import DictConfig, ListConfig, OmegaConf

from mtl.config.composing import COMPOSE_ERRORS, compose_with_hydra, defaults
from mtl.config.fields import format_value
from mtl.config.folders import option_names
from mtl.config.override_errors import OF_COMMANDS, OWN_KEYS, to_input_error
from mtl.config.overrides import LONGEST, is_option, parse_override
from mtl.config.passwords import check_no_password
from mtl.config.run_config import RunConfig
from mtl.config.trainer_arguments import of_trainer
from mtl.errors import InputError, unknown

ADDING_UP = ("experiment", "callbacks", "logger")  # groups of which several options may be chosen
# Keys whose values the typed configuration checks; those of the other keys, the nodes, are checked against the defaults
TYPED = frozenset(name for name, field in RunConfig.model_fields.items() if field.annotation != dict[str, Any])


def raise_first_error(given: list[str], config_name: str) -> None:
    """Raise InputError for the first override that does not fit the config as those before it make it.

    Options of groups come before values in them, as for Hydra.
    """
    given = sorted(given, key=lambda text: not is_option(text))
    for place, text in enumerate(given):
        try:
            compose_with_hydra(config_name, given[: place + 1])
        except COMPOSE_ERRORS as error:
            if parse_override(text).is_sweep_override():  # a sweep where none can be: Hydra says so well enough
                return
            if parse_override(text).key_or_group.startswith(OWN_KEYS):
                before = compose(config_name, given[:place], return_hydra_config=True)
            else:
                before, _ = compose_with_hydra(config_name, given[:place])
            raise to_input_error(text, error, before, OF_COMMANDS.get(config_name)) from None


def check_options(given: list[str]) -> None:
    """Raise InputError for the first override that chooses something else than an option of its group.

    Several options are for groups only whose options add up: ``experiment=[a,b]``, ``logger=[tensorboard,mlflow]``.
    """
    for text in given:
        if isinstance(text, str):  # from Python it may be anything
            check_no_password(text)
        override = parse_override(text)
        group, value = override.key_or_group, override.value()
        if group.partition(".")[0] == "trainer":
            raise of_trainer(group, text.partition("=")[2])
        if not is_option(text) or override.is_delete() or override.is_sweep_override():
            continue
        if isinstance(value, list) and group.partition("@")[0] not in ADDING_UP:
            names = ",".join(str(name) for name in value)
            raise InputError(f"'{text[:LONGEST]}': expected one option; a run of each: -m {group}={names[:LONGEST]}")
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str) or len(name) > LONGEST:
                raise unknown(f"option of {group}", format_value(name)[:LONGEST], option_names(group.partition("@")[0]))


def check_types(given: list[str], config_name: str) -> None:
    """Raise InputError for the first override that names no option, or whose value is of another kind than the default.

    The overrides compose, and Hydra is initialised.
    """
    chosen = tuple(text for text in given if is_option(text))
    for text in chosen:  # Hydra passes over an unknown option of a group that may be empty
        group, value = parse_override(text).key_or_group, parse_override(text).value()
        for name in value if isinstance(value, list) else [value]:
            if name is not None and name not in option_names(group):
                raise unknown(f"option of {group}", str(name), option_names(group))
    usual = None
    for text in given:
        override = parse_override(text)
        key = override.key_or_group
        if text in chosen or override.is_delete() or override.is_sweep_override() or key.split(".")[0] in TYPED:
            continue
        if usual is None:
            usual = defaults(config_name, chosen)
        default = OmegaConf.select(usual, key, throw_on_resolution_failure=False)
        check_type(key, default, override.value())


def check_type(key: str, default: Any, value: Any) -> None:
    """Raise InputError if ``value`` is of another kind than ``default``. Null and text may be replaced by anything."""
    if isinstance(value, str) and "${" in value:
        return
    if isinstance(default, DictConfig) and isinstance(value, dict):
        for name, part in value.items():
            check_type(f"{key}.{name}", default.get(name), part)
        return
    number = type(value) in (int, float) and isfinite(value)
    example = format_value(OmegaConf.to_container(default)) if OmegaConf.is_config(default) else default
    plain = isinstance(default, DictConfig) and "_target_" not in default  # what it is for can do without
    kinds: dict[type, tuple[bool, str]] = {
        bool: (isinstance(value, bool), "true or false"),
        int: (number and isinstance(value, int), f"a whole number, such as {example}"),
        float: (number, f"a number, such as {example}"),
        ListConfig: (isinstance(value, list), f"a list, such as {example}"),
        DictConfig: (plain and value is None, f"a mapping, such as {example}"),
    }
    fits, expected = kinds.get(type(default), (True, ""))
    if not fits:
        raise InputError(f"{key}={format_value(value)}: expected {expected}")
    if isinstance(default, ListConfig) and len({type(part) for part in default}) == 1:
        for place, part in enumerate(value):
            check_type(f"{key}[{place}]", default[0], part)
