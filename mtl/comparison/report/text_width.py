"""How much room texts take: a Chinese letter is as wide as two Latin ones."""

from unicodedata import east_asian_width


def width(text: str) -> int:
    """Of a text, in Latin letters."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def beginning(text: str, most: int) -> str:
    """As many of its first letters as have room."""
    return next(text[:end] for end in range(len(text), -1, -1) if width(text[:end]) <= most)


def ending(text: str, most: int) -> str:
    """As many of its last letters as have room."""
    return beginning(text[::-1], most)[::-1]
