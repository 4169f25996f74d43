"""Why an override does not fit the config, and what would. Imports no torch."""

from collections.abc import Iterator
from typing import cast

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from mtl.config.folders import is_group, option_files, option_names
from mtl.config.overrides import parse_override, to_plain
from mtl.errors import InputError, unknown

OF_COMMANDS = {"execute": "execution", "improve": "improve"}  # the group whose keys stand without a prefix, by command

OWN_KEYS = ("hydra.", "hydra/")  # with which settings of Hydra's own begin


def to_input_error(text: str, error: Exception, before: DictConfig, group: str | None = None) -> InputError:
    """Explain an override that Hydra refused, with the nearest valid name.

    Args:
        text: the override.
        error: what Hydra said.
        before: the config without it; of a setting of Hydra's own, with all that Hydra has.
        group: whose option's keys stand in the config without a prefix; None: there is none.

    Returns:
        The explanation.
    """
    override = parse_override(text)
    key, value = override.key_or_group, override.get_value_element_as_str()
    there = option_names(key) if is_group(key) else own_options(key) if key.startswith(OWN_KEYS) else []
    if value in there and text.startswith("+"):
        return InputError(f"'{text}': expected {text.lstrip('+')}, since the group is there already")
    if is_group(key) and value in option_names(key):
        return InputError(f"'{text}': {place_of_option(key, value, before, group)}")
    if is_group(key):
        return unknown(f"option of {key}", value, option_names(key))
    if key.startswith("hydra/") and value not in there:
        return unknown(f"option of {key}", value, there) if there else unknown("group", key, own_groups())
    known = list(config_keys(before))
    if key not in known:
        others = options_with(group, key.partition(".")[0]) if group else []
        if others and key.partition(".")[0] not in known:
            options = " or ".join(f"{group}@_global_={name}" for name in others)
            return InputError(f"unknown key '{key}': it is one of {' and '.join(others)}: add {options}")
        return unknown_key(key, known)
    node, given = OmegaConf.select(before, key), to_plain(override.value())
    if isinstance(node, DictConfig) and isinstance(given, dict):
        for name in given:
            if name not in node:
                return unknown(f"key of {key}", str(name), [str(one) for one in node])
    if key.startswith(OWN_KEYS):
        return InputError(f"'{text}': Hydra does not take it: {str(error).splitlines()[0]}")
    return InputError(f"'{text}': {' '.join(str(error).split())}")


def unknown_key(key: str, known: list[str]) -> InputError:
    """Say of a key that is not there the first part that leads nowhere, and the nearest name at its place."""
    parts = key.split(".")
    paths = [".".join(parts[: place + 1]) for place in range(len(parts))]
    strange = next(path for path in paths if path not in known)
    parent = strange.rpartition(".")[0]
    siblings = [name for name in known if name.rpartition(".")[0] == parent]
    if not siblings:
        return InputError(f"unknown key '{key}': '{parent}' has no keys")
    return unknown("key", strange, siblings)


def own_groups() -> list[str]:
    """The groups of Hydra's own, such as that of its launchers."""
    return [f"hydra/{name}" for name in GlobalHydra.instance().config_loader().list_groups("hydra")]


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


def config_keys(cfg: DictConfig, prefix: str = "") -> Iterator[str]:
    """Every key of a config, with dots."""
    for name in map(str, cfg):
        path = f"{prefix}{name}"
        yield path
        node = None if OmegaConf.is_missing(cfg, name) else cfg._get_node(name)
        if isinstance(node, DictConfig) and cfg[name] is not None:
            yield from config_keys(cfg[name], f"{path}.")
