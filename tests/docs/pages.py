"""The pages of README and site, and the commands and blocks of code that they show."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(
    [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in ("README.md", "README.zh.md", "DATA.md", "SECURITY.md"))]
)
FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n?)+", re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
PLACEHOLDER = re.compile(r"<[^<>]+>")  # what the reader is to fill in
PROGRAM = re.compile(r"(?:python|mtl|make|pip|tensorboard|docker|exec|bash|git) ")


@dataclass(frozen=True)
class Command:
    """What a person is told to type.

    Attributes:
        page: where it stands.
        words: program and arguments.
    """

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def name(path: Path) -> str:
    """The path in the repository."""
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [text for _, found, text in FENCE.findall(path.read_text(encoding="utf-8")) if found == language]


def lines(block: str) -> list[str]:
    """The lines of a shell block, those that a backslash continues as one."""
    return block.replace("\\\n", " ").splitlines()


def command_lines(path: Path) -> Iterator[str]:
    """The lines of shell blocks and indented blocks, and the spans of code, that begin with a program."""
    text = path.read_text(encoding="utf-8")
    rest = FENCE.sub("", text)
    for block in [*blocks(path, "sh"), *INDENTED.findall(rest)]:
        yield from lines(block)
    for span in SPAN.findall(INDENTED.sub("", rest)):
        yield " ".join(span.split())


def commands() -> list[Command]:
    """Every command of every page, each one once."""
    found: dict[tuple[str, ...], Command] = {}
    for path in PAGES:
        for line in command_lines(path):
            if not PROGRAM.match(line.strip()):
                continue
            whole = PLACEHOLDER.sub(lambda found: found[0].replace(" ", "_"), line.strip().removeprefix("exec "))
            words = shlex.split(whole, comments=True)
            found.setdefault(tuple(words), Command(name(path), tuple(words)))
    return list(found.values())


def tables(path: Path) -> Iterator[list[list[str]]]:
    """The tables of a page: rows of cells, the first one with the headings."""
    for block in re.findall(r"(?:^\|.*\|\n)+", path.read_text(encoding="utf-8"), re.MULTILINE):
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
        yield [rows[0], *rows[2:]]
