"""Options that are typed as ``key=VALUE``, of commands that Hydra does not configure."""

from collections.abc import Sequence

from mtl.errors import InputError, unknown


def read_options(arguments: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """The options by name. InputError for what is none.

    Args:
        arguments: as typed.
        known: names of the options that there are.

    Returns:
        Values as typed.
    """
    options: dict[str, str] = {}
    for text in arguments:
        key, sign, value = text.partition("=")
        if key not in known:
            raise unknown("option", key, known)
        if not sign or not value:
            raise InputError(f"'{text}': expected {key}=VALUE")
        options[key] = value
    return options


def threads(options: dict[str, str]) -> int | None:
    """How many threads are asked for. InputError where that is no number above 0."""
    if "threads" not in options:
        return None
    if not options["threads"].isdecimal() or int(options["threads"]) < 1:
        raise InputError(f"threads={options['threads']}: expected a whole number, 1 or more")
    return int(options["threads"])


def truth(options: dict[str, str], name: str, *, default: bool) -> bool:
    """Whether an option is true. InputError where it is neither true nor false."""
    value = options.get(name, str(default)).lower()
    if value not in ("true", "false"):
        raise InputError(f"{name}={options[name]}: expected true or false")
    return value == "true"


def modules(options: dict[str, str]) -> list[str]:
    """The modules whose code is trusted."""
    return [name for name in options.get("trust", "").strip("[]").split(",") if name]
