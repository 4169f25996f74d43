"""Values of a column that look the same, and are several."""

from unicodedata import normalize

import pandas as pd

from mtl.suites.table.columns import names


def alike(values: pd.Series) -> list[str]:
    """A note if two values of a column differ only in spaces, or in how their accents are written, which nobody sees.

    Args:
        values: of a category, or of a target of several classes.

    Returns:
        The note, or nothing.
    """
    seen: dict[str, str] = {}
    pairs = []
    for text in names(values).dropna().unique():
        other = seen.setdefault(_look(text), text)
        if other != text:
            pairs.append((other, text))
    if not pairs:
        return []
    shown = ", ".join(f"{one!a} and {other!a}" for one, other in pairs[:3]) + ", ..." * (len(pairs) > 3)
    return [
        f"column '{values.name}': {shown} differ only in spaces, or in how accents are written, and count as different "
        "values; write them alike if they are one"
    ]


def _look(text: str) -> str:
    """What one sees of a text: not how many spaces there are, of which kind, and how an accent is stored."""
    return " ".join((text if text.isascii() else normalize("NFC", text)).split())
