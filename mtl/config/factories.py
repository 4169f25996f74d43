"""From a node of the configuration to the object, or the factory, that it names.

As ``hydra.utils.instantiate`` does it, but for three things: a target has to be allowed (:mod:`mtl.config.targets`);
texts are values, so a ``${...}`` in the run directory of somebody else reads neither an environment variable nor
anything else; and a mistake is one line.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mtl.config.run_config import Node
from mtl.config.targets import check_targets, find_target
from mtl.errors import InputError, unknown

OWN_KEYS = ("_target_", "_args_", "_partial_")  # of a node; the others are arguments of the target
# What a factory raises where it cannot make anything of its arguments, such as a layer larger than the memory
REFUSALS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


class UnknownArgument(InputError):
    """A key of a node that its target does not take.

    Args:
        line: the message.
        key: with that of the node.
    """

    def __init__(self, line: str, key: str) -> None:
        super().__init__(line)
        self.key = key


def instantiate_node(node: Node, where: str, trust: Sequence[str] = ()) -> Any:
    """Make the object, or with ``_partial_`` the factory, that ``node["_target_"]`` names; None for an empty node.

    Args:
        node: plain values.
        where: the node's key in the configuration, for messages.
        trust: modules in which targets are allowed, beside those that always are.

    Returns:
        The object.

    Raises:
        InputError: a target that is not allowed, before anything is imported; a key that the target does not take, with
            the nearest one; a wrong argument.
    """
    if not node:
        return None
    if "_target_" not in node:
        raise InputError(f"{where}: it has no _target_, which names what is to be made")
    check_targets(node, where, trust)
    check_arguments(node, where, trust)
    return _make(node, where, trust)


def _make(node: Any, where: str, trust: Sequence[str]) -> Any:
    """The value of a node: nodes within it first, at any depth."""
    if isinstance(node, list | tuple):
        return [_make(value, f"{where}[{place}]", trust) for place, value in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    arguments = {key: _make(value, f"{where}.{key}", trust) for key, value in node.items() if key not in OWN_KEYS}
    if "_target_" not in node:
        return arguments
    target = find_target(node["_target_"], f"{where}._target_", trust)
    positional = _make(node.get("_args_", []), f"{where}._args_", trust)
    try:
        factory = partial(target, *positional, **arguments)
        return factory if node.get("_partial_", False) else factory()
    except InputError:
        raise
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        raise InputError(f"cannot build {node['_target_']}: {one_line(cause)}") from None


def check_arguments(node: Mapping[str, Any], where: str, trust: Sequence[str] = ()) -> None:
    """Check the keys of a node, and of the nodes that are values of it, against what their targets take.

    Args:
        node: plain values, with a target.
        where: the node's key in the configuration, for messages.
        trust: modules in which targets are allowed.

    Raises:
        InputError: a key that the target does not take, with the nearest one; no such target.
    """
    target = find_target(node["_target_"], f"{where}._target_", trust)
    for key, kind, expected in (("_partial_", bool, "true or false"), ("_args_", list, "a list of arguments")):
        if key in node and not isinstance(node[key], kind):
            raise InputError(f"{where}.{key}={node[key]}: expected {expected}")
    try:
        parameters: Mapping[str, inspect.Parameter] | None = inspect.signature(target).parameters
    except (TypeError, ValueError):  # one that does not tell: making it says what is wrong
        parameters = None
    if parameters is not None and any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        parameters = None
    for key, value in node.items():
        if str(key).startswith("_") and key not in OWN_KEYS:
            raise unknown("key", f"{where}.{key}", [f"{where}.{name}" for name in OWN_KEYS])
        if parameters is not None and key not in OWN_KEYS and key not in parameters:
            found = unknown("key", f"{where}.{key}", [f"{where}.{name}" for name in parameters])
            raise UnknownArgument(str(found), f"{where}.{key}")
        if isinstance(value, Mapping) and "_target_" in value:
            check_arguments(value, f"{where}.{key}", trust)


def call_factory(what: str, factory: Callable[..., Any], *args: Any) -> Any:
    """Call a factory from the configuration; arguments that it does not take are an InputError."""
    try:
        return factory(*args)
    except REFUSALS as error:
        given = ", ".join(f"{key}={value}" for key, value in getattr(factory, "keywords", {}).items())
        raise InputError(f"{what}({given}): {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """What an error says, in one line that can be read."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:300]} ..."
