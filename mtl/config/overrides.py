"""What is typed as ``key=value``, read. Imports no torch."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl.config.folders import is_group
from mtl.config.letters import full_width_sign, read_all_letters
from mtl.config.literals import for_shell, literal
from mtl.errors import InputError

read_all_letters()

# What may be wrong with targets: Hydra takes only some signs within keys, and no quotes around them
COLUMNS = "; a column whose name has other signs is said like this: {name: {column: 'a & b', kind: binary}}"
LONGEST = 200  # letters of a key or of an option's name, which the system looks for as a file
SEARCH_PATH = "hydra.searchpath"
NO_STUDY = "experiment=null"  # what the config says already, and Hydra does not let be typed


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


def is_option(text: str) -> bool:
    """Whether an override chooses an option of a group."""
    return is_group(parse_override(text).key_or_group)


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
        if not text.startswith(f"{SEARCH_PATH}="):
            others.append(text)
            continue
        value = to_plain(parse_override(text).value())
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise InputError(f"'{text}': expected a list of config folders, such as {SEARCH_PATH}=[conf]")
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
