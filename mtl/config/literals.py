"""Plain values as a person types them: in Hydra's language of overrides, and quoted for the shell."""

import re
from collections.abc import Mapping, Sequence
from shlex import quote

PLAIN = re.compile(r"[\w./~+-]+")  # what neither Hydra nor a shell reads as something else
WORD = re.compile(r"[^\W\d][\w./-]*")  # a text that nobody takes for a number
SHELL_PLAIN = re.compile(r"[\w@%+=:,./-]+")  # what a shell leaves as it is, in all languages
WITHIN_QUOTES = frozenset('"$`\\!')  # what a shell changes within double quotes
RESERVED = {"true", "false", "null", "nan", "inf"}
SPECIAL = re.compile(r"[\\:,()\[\]{}=]")  # in keys, which cannot be quoted


def override_argument(key: str, value: object) -> str:
    """An override as it is typed: quoted for Hydra and for the shell where the value needs it."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and ("/" in value or _is_word(value)):
        return f"{key}={value}"
    return for_shell(f"{key}={literal(value)}")


def for_shell(text: str) -> str:
    """A word as a shell reads it, in the quotes that leave it readable; in none where it needs none."""
    if SHELL_PLAIN.fullmatch(text):
        return text
    return f'"{text}"' if "'" in text and not WITHIN_QUOTES.intersection(text) else quote(text)


def literal(value: object) -> str:
    """A plain value in Hydra's language."""
    if isinstance(value, Mapping):
        items = (f"{SPECIAL.sub(_escaped, str(name))}: {literal(item)}" for name, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(literal, value)) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if not isinstance(value, str) or _is_word(value):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _is_word(text: str) -> bool:
    return bool(WORD.fullmatch(text)) and text.lower() not in RESERVED


def _escaped(sign: re.Match[str]) -> str:
    return "\\" + sign[0]
