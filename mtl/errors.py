"""What a user did wrong, in one line. Entry points print it and leave with exit code 2; it never shows a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches
from unicodedata import normalize

EXIT_USER_ERROR = 2
DISTRIBUTION = "mtl-verdict"  # the name on the package index, where another project is called mtl


class InputError(Exception):
    """A mistake in a config, data file, checkpoint or argument.

    The message is one line: what is wrong, where, what was expected, and the nearest valid name if there is one.
    """


def unknown(kind: str, name: str, valid: Iterable[str]) -> InputError:
    """An :class:`InputError` for ``name``, which is no ``kind``, with the nearest of the ``valid`` names and all."""
    near, shown = suggestion(name, valid)
    return InputError(f"unknown {kind} '{name}': {near}valid: {shown}")


def absent(what: str, name: str, found: Iterable[str]) -> InputError:
    """An :class:`InputError` for a needed ``name`` that is not among those ``found``; says the nearest of them."""
    near, shown = suggestion(name, found)
    return InputError(f"{what} '{name}' is not there: {near}found: {shown}")


def lacks(what: str, library: str, extra: str) -> InputError:
    """An :class:`InputError` for something that needs a library of an extra; says what to type."""
    return InputError(f"{what} needs {library}: pip install '{DISTRIBUTION}[{extra}]'")


def without_effect(option: str, value: object, wanted: str) -> InputError:
    """An :class:`InputError` for a setting that changes nothing beside the others.

    Args:
        option: its key.
        value: what was given, as it is typed.
        wanted: what it would have an effect with.

    Returns:
        The line.
    """
    return InputError(f"{option}={value} has no effect: expected it with {wanted}")


def suggestion(name: str, valid: Iterable[str]) -> tuple[str, str]:
    """The nearest of the valid names as a question, if one is near, and all of them."""
    names = list(valid)
    text = str(name)  # a file of options may say null or a number
    same = [one for one in names if one.casefold() == text.casefold()]
    same = same or [one for one in names if normalize("NFC", one) == normalize("NFC", text)]
    close = same[:1] or get_close_matches(text, names, n=1, cutoff=0.5)
    unseen = " (its accents are other signs)" if same and same[0].casefold() != text.casefold() else ""
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"did you mean '{close[0]}'{unseen}? " if close else "", shown or "none"
