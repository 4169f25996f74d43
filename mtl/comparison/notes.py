"""What runs have noted: notes that differ in measured numbers alone are one."""

import re
from collections.abc import Iterable

# Quoted names, which stay as they are, or a number with decimals that stands by itself: no part of a version or a key
MEASURED = re.compile(r"""'[^']*'|"[^"]*"|(?<![\w.:/=-])(\d+\.\d+)(?![\w.:/=-])""")


def kind_of(note: str) -> str:
    """The note without its measured numbers."""
    return MEASURED.sub(lambda found: "#" if found[1] else found[0], note)


def merge_notes(notes: Iterable[str]) -> dict[str, str]:
    """Each kind of note once, with the lowest and the highest of its numbers: ``0.78 to 0.91 times as far``.

    Args:
        notes: of runs.

    Returns:
        One text by kind, in the order of the first ones.
    """
    by_kind: dict[str, list[str]] = {}
    for note in dict.fromkeys(notes):
        by_kind.setdefault(kind_of(note), []).append(note)
    return {kind: as_one(alike) for kind, alike in by_kind.items()}


def as_one(notes: list[str]) -> str:
    """Notes of one kind as one."""
    numbers = [[found[1] for found in MEASURED.finditer(note) if found[1]] for note in notes]
    ranges = [(min(column, key=float), max(column, key=float)) for column in zip(*numbers, strict=True)]
    texts = iter(low if low == high else f"{low} to {high}" for low, high in ranges)
    return MEASURED.sub(lambda found: next(texts) if found[1] else found[0], notes[0])
