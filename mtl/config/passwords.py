"""Passwords within addresses, which are neither kept nor printed."""

import re

from mtl.errors import InputError

# An address such as postgresql://me:secret@host/name, also as a sweep writes it, with a backslash before its colons
PASSWORD = re.compile(r"\\?://[^\s/@:\\]*\\?:[^\s@]+@")
BEFORE_HOST = re.compile(r"://.*@")


def check_no_password(text: str) -> None:
    """InputError for an override with an address that has a password, which is not repeated: it would be kept."""
    if PASSWORD.search(text):
        raise InputError(
            f"{text.partition('=')[0]}: an address with a password would be written into the config of the run: put it "
            "into a variable of the environment, and say task.path=env:NAME of a table; others read such a variable by "
            "themselves, as MLFLOW_TRACKING_PASSWORD"
        )


def shown(address: str) -> str:
    """An address as it may be printed: without who asks, and a password."""
    return BEFORE_HOST.sub("://***@", address)
