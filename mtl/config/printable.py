"""What a file holds, as a terminal may show it: a control character in a cell or a name would be obeyed there."""

import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and line break
BREAKS = {ord("\n"): "\\n", ord("\t"): "\\t"}


def printable(text: str) -> str:
    """A text whose control characters are written as Python writes them; line breaks and tabs stay."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def printable_line(text: str) -> str:
    """The same as one line, in which line breaks and tabs are written like that, too."""
    return printable(text.translate(BREAKS))
