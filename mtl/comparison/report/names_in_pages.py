"""Names of tasks and columns in pages: they may be long, and written from right to left."""

import re
from html import escape

from mtl.comparison.report.text_width import width

LONG = 30  # Latin letters, from which on a name takes several lines of a table
FROM_RIGHT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"  # Hebrew, Arabic, and what is beside them
WORD = rf"\b[^\W{FROM_RIGHT}]*[{FROM_RIGHT}][\w{FROM_RIGHT}]*"  # letters with their marks, which are no \w
NAME = re.compile(rf"{WORD}(?: +{WORD})*")


def set_apart(html: str) -> str:
    """HTML in which words that are written from right to left change the order of nothing else.

    A browser would write "(-2.7 %, -3.1 % to +1.2 %)" behind such a word as "(-3.1- ,% 2.7 % to +1.2 %)".
    """
    return NAME.sub(r"<bdi>\g<0></bdi>", html)


def sentence(text: str) -> str:
    """A text as HTML, with :func:`set_apart`."""
    return set_apart(escape(text))


def is_long(name: str) -> bool:
    """Whether a name takes several lines of a table."""
    return width(name) > LONG
