"""The Chinese pages say what the English ones say: the same headings, tables and links, commands and code."""

import os
import re
from pathlib import Path

import pytest

from tests.docs.pages import FENCE, ROOT, tables

PAIRS = {"README.md": "README.zh.md", "docs/tutorial.md": "docs/zh/tutorial.md"}
both = pytest.mark.parametrize(("english", "chinese"), PAIRS.items(), ids=PAIRS)


def prose(page: str) -> str:
    """A page without its blocks."""
    return FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))


@both
def test_headings_are_of_the_same_levels(english: str, chinese: str) -> None:
    levels = [re.findall(r"^#+", prose(page), re.MULTILINE) for page in (english, chinese)]
    assert levels[0] == levels[1]


@both
def test_blocks_are_the_same(english: str, chinese: str) -> None:
    """Commands, code and what is printed; comments in commands are translated."""
    found = []
    for page in (english, chinese):
        blocks = FENCE.findall((ROOT / page).read_text(encoding="utf-8"))
        found.append([(name, re.sub(r" +# .*", "", text) if name == "sh" else text) for _, name, text in blocks])
    assert found[0]
    assert found[0] == found[1]


@both
def test_tables_show_the_same_code(english: str, chinese: str) -> None:
    """As many rows, and in each of them the same code in the same order of columns."""
    code = [
        [[re.findall(r"`[^`]+`", cell) for cell in row] for table in tables(ROOT / page) for row in table]
        for page in (english, chinese)
    ]
    assert code[0] == code[1]


@both
def test_links_lead_to_the_same_pages(english: str, chinese: str) -> None:
    """In the same order, and to the Chinese page where there is one."""
    targets = []
    for page in (english, chinese):
        links = re.findall(r"\]\(([^)]+)\)", prose(page))
        places = [os.path.normpath(Path(page).parent / link) for link in links]
        targets.append([PAIRS.get(place, place) for place in places if place not in {"README.md", "README.zh.md"}])
    assert targets[0] == targets[1]
