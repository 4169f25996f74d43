"""Every page is in the navigation of the site, and every command in the table of commands."""

from collections.abc import Iterator
from typing import Any

import yaml

from mtl.cli.program import COMMANDS
from tests.docs.pages import ROOT, tables

BESIDE = {"index.md", "zh/index.md"}  # of README.md and README.zh.md, put there by docs/site/repository_pages.py


def pages(nav: Any) -> Iterator[str]:
    """The pages of a part of the navigation."""
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from pages(part)


def test_every_page_is_in_the_navigation_once() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = list(pages(settings["nav"]))
    assert len(named) == len(set(named))
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert written <= set(named)
    assert [page for page in set(named) - written - BESIDE if not (ROOT / page).is_file()] == []


def test_every_command_is_in_the_table_of_commands() -> None:
    rows = [row for found in tables(ROOT / "docs" / "install.md") if found[0][0] == "command" for row in found[1:]]
    assert {row[0].strip("`").split()[1] for row in rows} == set(COMMANDS)
