"""What is typed as ``key=value``: whether it fits the config, and if not, what would. Imports no torch."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cache, lru_cache
from math import isfinite
from typing import Any, cast

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from mtl.config.fields import format_value
from mtl.config.folders import (
    config_files,
    config_folders,
    has_deeper_folders,
    is_group,
    option_files,
    option_names,
)
from mtl.config.letters import full_width_sign, read_all_letters
from mtl.config.literals import for_shell, literal
from mtl.config.passwords import check_no_password
from mtl.config.run_config import RunConfig
from mtl.config.stamps import Stamp, stamps_of
from mtl.config.trainer_arguments import of_trainer
from mtl.errors import InputError, unknown

read_all_letters()

# What may be wrong with targets: Hydra takes only some signs within keys, and no quotes around them
COLUMNS = "; a column whose name has other signs is said like this: {name: {column: 'a & b', kind: binary}}"
LONGEST = 200  # letters of a key or of an option's name, which the system looks for as a file
SEARCH_PATH = "hydra.searchpath="
NO_STUDY = "experiment=null"  # what the config says already, and Hydra does not let be typed
ADDING_UP = ("experiment", "callbacks", "logger")  # groups of which several options may be chosen
OF_COMMANDS = {"execute": "execution", "improve": "improve"}  # the group whose keys stand without a prefix, by command
COMPOSE_ERRORS = (HydraException, OmegaConfBaseException)  # for an override that does not fit
# Keys whose values the typed configuration checks; those of the other keys, the nodes, are checked against the defaults
TYPED = frozenset(name for name, field in RunConfig.model_fields.items() if field.annotation != dict[str, Any])


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


def to_plain(value: Any) -> Any:
    """A value of a config or an override as plain lists, mappings and texts. InputError if it refers to nothing."""
    try:
        return OmegaConf.to_container(OmegaConf.create({"value": value}), resolve=True)["value"]  # type: ignore[call-overload, index]
    except OmegaConfBaseException as error:
        raise InputError(" ".join(str(error).split())[:LONGEST]) from None


def parse_override(text: str) -> Override:
    """One override. InputError if it is not written as one, or no text, as may be where Python calls."""
    if not isinstance(text, str):
        raise InputError(f"expected overrides as texts, such as 'task=credit'; found a {type(text).__name__}")
    return _parsed(text)


@cache
def _parsed(text: str) -> Override:
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    try:
        found = OverridesParser.create().parse_override(text)
    except HydraException:
        raise InputError(
            f"'{shown}' is no override: expected key=value, quoted for the shell if it holds spaces or braces"
            + _hint(text)
        ) from None
    except (ValueError, RecursionError) as error:  # a number with thousands of digits, a thousand brackets
        raise InputError(f"'{shown}': {' '.join(str(error).split())[:LONGEST]}") from None
    if len(found.key_or_group) > LONGEST:
        raise InputError(f"'{shown}': a key of {len(found.key_or_group)} letters, and none has more than {LONGEST}")
    return found


def _hint(text: str) -> str:
    """How to type what Hydra cannot read; empty where that is not known."""
    sign = full_width_sign(text)
    if sign is not None:
        return f"; it has {sign}"
    if text.startswith("task.targets="):
        return COLUMNS
    key, _, value = text.partition("=")
    if not value or value[0] in "{['\"" or len(text) > LONGEST:
        return ""
    as_text = f"{key}={literal(value)}"
    try:
        OverridesParser.create().parse_override(as_text)
    except (HydraException, ValueError, RecursionError):
        return ""
    return f"; a text with such signs is typed like this: {for_shell(as_text)}"


def separate_settings(arguments: Sequence[str], settings: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Tell settings of a command of several runs from overrides of these runs.

    Args:
        arguments: as typed.
        settings: their names.

    Returns:
        Values of the settings by name, and the overrides.

    Raises:
        InputError: something is neither, or a setting has several values.
    """
    typed: dict[str, Any] = {}
    of_runs = []
    for text in arguments:
        override = parse_override(text)
        if override.key_or_group not in settings:
            of_runs.append(text)
        elif override.is_sweep_override():
            raise InputError(f"'{text}': a setting has one value; expected a list in brackets where it may be several")
        else:
            typed[override.key_or_group] = to_plain(override.value())
    return typed, of_runs


def searchpath(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Divide overrides into the config folders that ``hydra.searchpath`` names, and the other ones.

    InputError where it is no list of folders.
    """
    folders: list[str] = []
    others = []
    for text in arguments:
        if not text.startswith(SEARCH_PATH):
            others.append(text)
            continue
        value = to_plain(parse_override(text).value())
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise InputError(f"'{text}': expected a list of config folders, such as {SEARCH_PATH}[conf]")
        folders += value
    return folders, others


def sweep_values(text: str) -> list[str]:
    """The override itself, or each value that a sweep over it would take."""
    override = parse_override(text)
    if override.is_interval_sweep():  # a range that a search draws from: its lower end stands for all
        return [f"{override.get_key_element()}={cast(IntervalSweep, override.value()).start}"]
    if not override.is_sweep_override() or not override.is_discrete_sweep():
        return [text]
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]


def to_input_error(text: str, error: Exception, before: DictConfig, group: str | None = None) -> InputError:
    """Explain an override that Hydra refused, with the nearest valid name.

    Args:
        text: the override.
        error: what Hydra said.
        before: the config without it.
        group: whose option's keys stand in the config without a prefix; None: there is none.

    Returns:
        The explanation.
    """
    override = parse_override(text)
    key, value = override.key_or_group, override.get_value_element_as_str()
    if is_group(key) and value in option_names(key) and text.startswith("+"):
        return InputError(f"'{text}': expected {text.lstrip('+')}, since the group is there already")
    if is_group(key) and value in option_names(key):
        return InputError(f"'{text}': {place_of_option(key, value, before, group)}")
    if is_group(key):
        return unknown(f"option of {key}", value, option_names(key))
    if key.startswith("hydra/") and value not in (ways := own_options(key)) and ways:
        return unknown(f"option of {key}", value, ways)
    if key.startswith(("hydra.", "hydra/")):  # its own settings, of which it knows more
        return InputError(f"'{text}': Hydra does not take it: {str(error).splitlines()[0]}")
    known = list(config_keys(before))
    if key not in known:
        others = options_with(group, key.partition(".")[0]) if group else []
        if others and key.partition(".")[0] not in known:
            options = " or ".join(f"{group}@_global_={name}" for name in others)
            return InputError(f"unknown key '{key}': it is one of {' and '.join(others)}: add {options}")
        parent = key.rpartition(".")[0]
        siblings = [name for name in known if name.rpartition(".")[0] == parent]
        return unknown("key", key, siblings or [name for name in known if "." not in name])
    there, given = OmegaConf.select(before, key), to_plain(override.value())
    if isinstance(there, DictConfig) and isinstance(given, dict):
        for name in given:
            if name not in there:
                return unknown(f"key of {key}", str(name), [str(one) for one in there])
    return InputError(f"'{text}': {' '.join(str(error).split())}")


def own_options(group: str) -> list[str]:
    """The options of a group of Hydra's own, such as its launchers, by its name."""
    return list(GlobalHydra.instance().config_loader().get_group_options(group))


def place_of_option(key: str, value: str, before: DictConfig, group: str | None) -> str:
    """What to type for an option of a group that does not stand at the top level of the config.

    Args:
        key: the group.
        value: the option.
        before: the config.
        group: as for :func:`to_input_error`.

    Returns:
        The end of a message.
    """
    if key == group:  # its keys stand at the top level of this config
        return f"expected {key}@_global_={value}"
    places = [name for name in config_keys(before) if name.rpartition(".")[2] == key]
    if places:
        return f"expected {key}={value}" if key in places else f"expected {key}@{places[0]}={value}"
    users = [
        f"{one}{'@_global_' if group else ''}={name}"
        for one in groups_of_options(group)
        for name in options_with(one, key)
    ]
    return f"nothing that is chosen takes an option of {key}" + (f": add {' or '.join(users)}" if users else "")


def groups_of_options(group: str | None) -> list[str]:
    """The groups that a person may choose another option of: that of a command, or those of a run."""
    return [group] if group else sorted(set(OF_COMMANDS.values()))


def options_with(group: str, key: str) -> list[str]:
    """The options of a group that have a key, or take an option of a group of this name, at their top level."""
    found = []
    for name, path in option_files(group).items():
        option = cast(DictConfig, OmegaConf.load(path))
        taken = [str(group) for one in option.get("defaults", []) if isinstance(one, DictConfig) for group in one]
        if key in option or any(one.partition("@")[0].lstrip("/") == key for one in taken):
            found.append(name)
    return found


def is_option(text: str) -> bool:
    """Whether an override chooses an option of a group."""
    return is_group(parse_override(text).key_or_group)


def config_keys(cfg: DictConfig, prefix: str = "") -> Iterator[str]:
    """Every key of a config, with dots."""
    for name in map(str, cfg):
        path = f"{prefix}{name}"
        yield path
        if not OmegaConf.is_missing(cfg, name) and isinstance(cfg._get_node(name), DictConfig):
            yield from config_keys(cfg[name], f"{path}.")
