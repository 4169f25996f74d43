"""Options that are on or off: any other value would count as on, texts such as "false" too."""

from mtl.errors import InputError


def check_switch(name: str, value: bool) -> None:
    """Refuse what is neither True nor False.

    Args:
        name: what the option is called in the configuration, for the message.
        value: what was given.

    Raises:
        InputError: the name, the value and what was expected.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name}={value}: expected true or false")
