"""Command lines: a user's mistake becomes one line and exit code 2. Imports no torch, so that help answers at once."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl.errors import InputError, unknown

CONF = Path(__file__).parent.parent / "conf"
MISTAKE = 2
# Hydra's own flags that take a value
VALUED = (
    "--cfg",
    "-c",
    "--package",
    "-p",
    "--config-path",
    "-cp",
    "--config-name",
    "-cn",
    "--config-dir",
    "-cd",
    "--info",
    "-i",
)


def command(main: Callable[[], Any], config_name: str) -> None:
    """Check the command line's overrides, then run a Hydra application. Exits with 2 on a user's mistake."""
    try:
        check(overrides(sys.argv[1:]), config_name)
    except InputError as error:
        fail(error)
    quiet()
    main()


def fail(error: InputError) -> None:
    """Print the one line and leave."""
    sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
    raise SystemExit(MISTAKE)


@contextmanager
def mistakes() -> Iterator[None]:
    """Within this, an InputError ends the program in one line."""
    try:
        yield
    except InputError as error:
        fail(error)


def overrides(arguments: list[str]) -> list[str]:
    """The arguments that are overrides: neither flags of Hydra's nor their values."""
    found, skip = [], False
    for argument in arguments:
        if skip or argument.startswith("-"):
            skip = argument in VALUED
            continue
        found.append(argument)
    return found


def check(given: list[str], config_name: str) -> None:
    """Raise InputError for the first override that does not fit the config: an unknown group, option or key, or bad
    syntax.
    """
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            plain = [next(iter(values)) for values in map(alternatives, given)]
            for place, text in enumerate(given):
                for value in alternatives(text):
                    trial = plain[: place + 1]
                    trial[place] = value
                    try:
                        compose(config_name, trial, return_hydra_config=True)
                    except (HydraException, OmegaConfBaseException) as error:
                        raise explained(value, error, compose(config_name, trial[:-1])) from None
    finally:
        GlobalHydra.instance().clear()


def composed(given: list[str], config_name: str = "config") -> tuple[DictConfig, dict[str, Any]]:
    """The config with these overrides, and the option chosen in each group, without a Hydra application around it.

    An override that does not fit is an InputError.
    """
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = compose(config_name, given, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException):
        check(given, config_name)  # slower, and says which override is wrong and why
        raise
    finally:
        GlobalHydra.instance().clear()
    choices = dict(cfg.hydra.runtime.choices)
    OmegaConf.set_struct(cfg, False)
    del cfg["hydra"]
    return cfg, choices


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
    known = list(keys(before))
    if key not in known:
        parent = key.rpartition(".")[0]
        siblings = [name for name in known if name.rpartition(".")[0] == parent]
        return unknown("key", key, siblings or [name for name in known if "." not in name])
    return InputError(f"'{text}': {' '.join(str(error).split())}")


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


def quiet() -> None:
    """Keep the output to what the user asked for."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
