"""What is typed as ``key=value``: whether it fits the config, and if not, what would. Imports no torch."""

from collections.abc import Iterator
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl.errors import InputError, unknown

CONF = Path(__file__).parent.parent.parent / "conf"
NULLABLE = ("gradient_clip",)  # null means something, though it is not the default
FREE = ("hardware", "grouping")  # of which some values are of several kinds
REFUSED = (HydraException, OmegaConfBaseException)  # what composing raises for an override that does not fit


def check(given: list[str], config_name: str) -> None:
    """Raise InputError for the first override that does not fit the config: an unknown group, option or key, a value of
    another kind, or bad syntax.
    """
    values = [alternatives(text) for text in given]
    plain = [each[0] for each in values]
    trials = [[*plain[:place], value, *plain[place + 1 :]] for place, each in enumerate(values) for value in each[1:]]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            for trial in (plain, *trials):
                try:
                    whole(config_name, trial)
                except REFUSED:
                    first_mistake(trial, config_name)
                    raise
                fit(trial, config_name)
    except REFUSED as error:  # no single override is to blame
        raise InputError(" ".join(str(error).split())) from None
    finally:
        GlobalHydra.instance().clear()


def whole(config_name: str, given: list[str]) -> DictConfig:
    """The config with Hydra's own settings. One of ``REFUSED`` for overrides that do not fit."""
    try:
        return compose(config_name, given, return_hydra_config=True)
    except AttributeError:  # what is null for Hydra is given keys
        raise HydraException("no keys are expected there") from None


def first_mistake(given: list[str], config_name: str) -> None:
    """Raise InputError for the first override that does not fit the config as those before it make it.

    Options of groups come before values in them, as for Hydra.
    """
    given = sorted(given, key=lambda text: not is_option(text))
    for place, text in enumerate(given):
        try:
            whole(config_name, given[: place + 1])
        except REFUSED as error:
            raise explained(text, error, compose(config_name, given[:place])) from None


def fit(given: list[str], config_name: str) -> None:
    """Raise InputError for the first override, of those that compose, that names no option or has a value of another
    kind than the one it replaces.
    """
    chosen = tuple(text for text in given if is_option(text))
    for text in chosen:  # Hydra passes over an unknown option of a group that may be empty
        group, value = parsed(text).key_or_group, parsed(text).value()
        for name in value if isinstance(value, list) else [value]:
            if name is not None and name not in options(group):
                raise unknown(f"option of {group}", str(name), options(group))
    for text in given:
        override = parsed(text)
        key = override.key_or_group
        if text in chosen or override.is_delete() or override.is_sweep_override() or key.split(".")[0] in FREE:
            continue
        default = OmegaConf.select(defaults(CONF, config_name, chosen), key, throw_on_resolution_failure=False)
        misfit(key, default, override.value())


@cache
def defaults(conf: Path, config_name: str, chosen: tuple[str, ...]) -> DictConfig:
    """The config of the directory ``conf`` with these options of groups, and no other override."""
    return compose(config_name, list(chosen))


def misfit(key: str, default: Any, value: Any) -> None:
    """Raise InputError if ``value`` is of another kind than ``default``. Null and text may be replaced by anything."""
    if (isinstance(value, str) and "${" in value) or (value is None and key in NULLABLE):
        return
    if isinstance(default, DictConfig) and isinstance(value, dict):
        for name, part in value.items():
            misfit(f"{key}.{name}", default.get(name), part)
        return
    number = type(value) in (int, float) and isfinite(value)
    kinds: dict[type, tuple[bool, str]] = {
        bool: (isinstance(value, bool), "true or false"),
        int: (number and isinstance(value, int), f"a whole number, such as {default}"),
        float: (number, f"a number, such as {default}"),
        ListConfig: (isinstance(value, list), f"a list, such as {shown(default)}"),
        DictConfig: (False, f"a mapping, such as {shown(default)}"),
    }
    fits, expected = kinds.get(type(default), (True, ""))
    if not fits:
        raise InputError(f"{key}={shown(value)}: expected {expected}")
    if isinstance(default, ListConfig) and len({type(part) for part in default}) == 1:
        for place, part in enumerate(value):
            misfit(f"{key}[{place}]", default[0], part)


def shown(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, list | ListConfig):
        return f"[{','.join(map(shown, value))}]"
    if isinstance(value, dict | DictConfig):
        return "{" + ", ".join(f"{name!s}: {shown(part)}" for name, part in value.items()) + "}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def composed(given: list[str], config_name: str = "config") -> tuple[DictConfig, dict[str, Any]]:
    """The config with these overrides, and the option chosen in each group, without a Hydra application around it.

    An override that does not fit is an InputError.
    """
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = compose(config_name, given, return_hydra_config=True)
            fit(given, config_name)
    except REFUSED as error:
        check(given, config_name)  # slower, and says which override is wrong and why
        raise InputError(" ".join(str(error).split())) from None  # it fits a sweep of Hydra's only, such as a=1,2
    finally:
        GlobalHydra.instance().clear()
    choices = dict(cfg.hydra.runtime.choices)
    OmegaConf.set_struct(cfg, False)
    del cfg["hydra"]
    return cfg, choices


@cache
def parsed(text: str) -> Override:
    """One override. InputError if it is not written as one."""
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        raise InputError(
            f"'{text}' is no override: expected key=value, quoted for the shell if it holds spaces or braces"
        ) from None


def alternatives(text: str) -> list[str]:
    """The override itself, or each value that a sweep over it would take."""
    override = parsed(text)
    if override.is_interval_sweep():  # a range that a search draws from: its lower end stands for all
        return [f"{override.get_key_element()}={cast(IntervalSweep, override.value()).start}"]
    if not override.is_sweep_override() or not override.is_discrete_sweep():
        return [text]
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]


def explained(text: str, error: Exception, before: DictConfig) -> InputError:
    """What is wrong with an override that Hydra refused, with the nearest valid name; ``before`` is the config
    without it.
    """
    override = parsed(text)
    key, value = override.key_or_group, override.get_value_element_as_str()
    if (CONF / key).is_dir():
        return unknown(f"option of {key}", value, options(key))
    if key.startswith("hydra."):  # its own settings, of which it knows more
        return InputError(f"'{text}': Hydra does not take it: {str(error).splitlines()[0]}")
    known = list(keys(before))
    if key not in known:
        parent = key.rpartition(".")[0]
        siblings = [name for name in known if name.rpartition(".")[0] == parent]
        return unknown("key", key, siblings or [name for name in known if "." not in name])
    return InputError(f"'{text}': {' '.join(str(error).split())}")


def is_option(text: str) -> bool:
    """Whether an override chooses an option of a group."""
    return (CONF / parsed(text).key_or_group).is_dir()


def options(group: str) -> list[str]:
    """The files of a config group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def keys(cfg: DictConfig, prefix: str = "") -> Iterator[str]:
    """Every key of a config, with dots."""
    for name in map(str, cfg):
        path = f"{prefix}{name}"
        yield path
        if not OmegaConf.is_missing(cfg, name) and isinstance(cfg._get_node(name), DictConfig):
            yield from keys(cfg[name], f"{path}.")
