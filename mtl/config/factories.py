"""From a node of the configuration to the object, or the factory, that it names."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf

from mtl.config.run_config import Node
from mtl.errors import InputError, unknown


def instantiate_node(node: Node, where: str) -> Any:
    """Make the object, or the factory, that ``node["_target_"]`` names; None for an empty node.

    Args:
        node: plain values.
        where: the node's key in the configuration, for messages.

    Returns:
        The object.

    Raises:
        InputError: a key that the target does not take, with the nearest one; a wrong argument or target.
    """
    if not node:
        return None
    if "_target_" not in node:
        raise InputError(f"{where}: it has no _target_, which names what is to be made")
    check_arguments(node, where)
    try:
        return instantiate(OmegaConf.create(dict(node)), _convert_="all")
    except InstantiationException as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        raise InputError(f"cannot build {node.get('_target_')}: {' '.join(str(cause).split())}") from None


def check_arguments(node: Mapping[str, Any], where: str) -> None:
    """Raise InputError for a key that the target of a node, or of a node within it, does not take."""
    try:
        parameters = inspect.signature(get_object(str(node["_target_"]))).parameters
    except Exception:  # no such target, or one that does not tell: making it says what is wrong
        return
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for key, value in node.items():
        if not takes_any and not key.startswith("_") and key not in parameters:
            raise unknown("key", f"{where}.{key}", [f"{where}.{name}" for name in parameters])
        if isinstance(value, Mapping) and "_target_" in value:
            check_arguments(value, f"{where}.{key}")


def call_factory(what: str, factory: Callable[..., Any], *args: Any) -> Any:
    """Call a factory from the configuration; arguments that it does not take are an InputError."""
    try:
        return factory(*args)
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key}={value}" for key, value in getattr(factory, "keywords", {}).items())
        raise InputError(f"{what}({given}): {' '.join(str(error).split())}") from error
