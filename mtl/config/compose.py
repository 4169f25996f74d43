"""From what is typed to the typed configuration of a run. Imports no torch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl.config import folders
from mtl.config.composing import COMPOSE_ERRORS, compose_with_hydra
from mtl.config.contents import with_contents
from mtl.config.folders import option_file
from mtl.config.key_places import check_top_keys
from mtl.config.number_types import as_options_have_them
from mtl.config.override_checks import check_options, check_types, raise_first_error
from mtl.config.overrides import NO_STUDY, sweep_values
from mtl.config.run_config import Choices, RunConfig
from mtl.config.search_path import search_own_folders
from mtl.config.stamps import Stamp, stamp_of
from mtl.config.study import MERGED, check_compare_keys
from mtl.config.targets import check_config, nodes_of, own_modules
from mtl.errors import InputError

GROUPS = tuple(Choices.model_fields)
NO_MERGE = "none"  # the option that merges nothing


@contextmanager
def hydra_initialised() -> Iterator[None]:
    """Within this, Hydra composes from the config folders; its state of before is lost, as after a program."""
    GlobalHydra.instance().clear()
    search_own_folders()
    try:
        with initialize_config_dir(str(folders.CONF), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().clear()


def check_overrides(given: list[str], config_name: str) -> dict[str, list[tuple[str, RunConfig]]]:
    """Raise InputError for the first override that does not fit, in any of the configs that a sweep over them makes.

    Args:
        given: as typed.
        config_name: the file in ``conf/`` that they are overrides of.

    Returns:
        Of runs, by override with several values, each value with the config that it makes with the first value of every
        other override.

    Raises:
        InputError: an unknown group, option or key, a value that its key does not take, or bad syntax.
    """
    values = [sweep_values(text) for text in given]
    first = [each[0] for each in values]
    found: dict[str, list[tuple[str, RunConfig]]] = {}
    with hydra_initialised():
        usual = _checked(first, config_name)
        for place, each in enumerate(values):
            configs = [usual, *(_checked([*first[:place], one, *first[place + 1 :]], config_name) for one in each[1:])]
            if len(each) > 1:
                pairs = zip(each, configs, strict=True)
                found[given[place]] = [(value, config) for value, config in pairs if config is not None]
    return found


def _checked(given: list[str], config_name: str) -> RunConfig | None:
    """The config of a run with these overrides; None where they are of another config."""
    cfg, choices = _composed(given, config_name)
    return to_run_config(cfg, choices) if config_name == "config" else None


def compose_config(given: list[str], config_name: str = "config") -> tuple[DictConfig, dict[str, Any]]:
    """Compose a config without a Hydra application around it.

    Args:
        given: overrides.
        config_name: the file in ``conf/`` that they are overrides of.

    Returns:
        The config, and the option chosen in each group.

    Raises:
        InputError: an override that does not fit.
    """
    with hydra_initialised():
        return _composed(given, config_name)


def compose_plain(given: Sequence[str], config_name: str) -> dict[str, Any]:
    """The same as plain values, every reference in it resolved."""
    return compose_chosen(given, config_name)[0]


def compose_chosen(given: Sequence[str], config_name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The config as plain values, and the option chosen in each group; otherwise as :func:`compose_config`."""
    cfg, choices = compose_config(list(given), config_name)
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True)), choices


def _composed(given: list[str], config_name: str) -> tuple[DictConfig, dict[str, Any]]:
    given = [text for text in given if text != NO_STUDY]
    check_options(given)
    try:
        cfg, choices = compose_with_hydra(config_name, given)
        check_types(given, config_name)
    except COMPOSE_ERRORS as error:
        raise_first_error(given, config_name)
        raise InputError(" ".join(str(error).split())) from None  # no single override is to blame
    OmegaConf.set_struct(cfg, False)
    return cfg, choices


def to_run_config(cfg: DictConfig, choices: Mapping[str, Any] | None = None) -> RunConfig:
    """The typed configuration of a composed config, every reference in it resolved.

    Args:
        cfg: the composed config.
        choices: the option chosen in each group; by default those of the Hydra application that is running.

    Returns:
        The configuration, whose choices name the class of what runs where the config names another than the option's.
        It says the checksum of weights in a folder that it names.

    Raises:
        InputError: a key that nobody reads, with the nearest name; a value that its key does not take; a target that is
            not allowed.
    """
    try:
        values = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    except OmegaConfBaseException as error:
        raise InputError(f"config: {' '.join(str(error).split())}") from None
    check_compare_keys(values.pop("compare", None) or {})
    values = with_text_keys(values)
    chosen = HydraConfig.get().runtime.choices if choices is None else choices
    missing = [group for group in GROUPS if group not in chosen]
    if missing:
        raise InputError(f"'~{missing[0]}': every run has an option of {missing[0]}, so it cannot be taken away")
    check_top_keys(values, chosen)
    named = {group: name_of_choice(group, chosen[group], values.get(group)) for group in GROUPS}
    merge = chosen.get("merge", NO_MERGE)
    if merge != NO_MERGE and named["model"] != MERGED:
        raise InputError(f"merge={merge}: networks that were trained apart are merged; expected model={MERGED}")
    RunConfig.read({"choices": named, **values})  # what is wrong is said of the values as they were typed
    config = RunConfig.read({"choices": named, **as_options_have_them(values, chosen)})
    own = own_modules(nodes_of(config)) if config.resume is None else []  # a run that is gone on with says its own
    if own:
        config = config.changed(trust=[*config.trust, *own])
    check_config(config)
    return with_contents(config) if config.resume is None else config


def with_text_keys(values: Any) -> Any:
    """Values of a config whose keys are texts: a column may be called 2020, and numbers and texts have no order."""
    if isinstance(values, Mapping):
        return {str(key): with_text_keys(value) for key, value in values.items()}
    return [with_text_keys(value) for value in values] if isinstance(values, list) else values


def name_of_choice(group: str, option: str | None, node: Any) -> str | None:
    """The option of a group; of an own ``_target_`` the name of its class, also where it has the name of an option."""
    target = node.get("_target_") if isinstance(node, Mapping) else None
    theirs = folders.CONF / group / f"{option}.yaml"
    if option is None or target is None:
        return option
    if target == target_of(theirs if theirs.is_file() else option_file(group, option), group):
        return option
    return str(target).rpartition(".")[2]


def target_of(path: Path | None, group: str) -> str | None:
    """The ``_target_`` that the file of an option of a group names; None if it names none."""
    return None if path is None else _target_of(stamp_of(path), group)


@cache
def _target_of(file: Stamp, group: str) -> str | None:
    node: Any = OmegaConf.load(file[0])
    found = OmegaConf.select(node, f"{group}._target_") or OmegaConf.select(node, "_target_")
    return None if found is None else str(found)


def configure(*given: str) -> RunConfig:
    """The configuration that ``train.py`` would run with these overrides, for use from Python."""
    return to_run_config(*compose_config(list(given)))
