"""What a user did wrong, in one line. Entry points print it and leave with exit code 2; it never shows a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(Exception):
    """A mistake in a config, data file, checkpoint or argument.

    The message is one line: what is wrong, where, what was expected, and the nearest valid name if there is one.
    """


def unknown(kind: str, name: str, valid: Iterable[str]) -> InputError:
    """An :class:`InputError` for ``name``, which is no ``kind``; says the nearest of the ``valid`` names, or all of
    them.
    """
    names = list(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return InputError(f"unknown {kind} '{name}': {hint}valid: {shown or 'none'}")
