"""The reference has every public name, and every method that can be chosen."""

import re
from pathlib import Path

import pytest

import mtl
from mtl.config.compose import target_of
from mtl.config.folders import CONF
from tests.docs.pages import ROOT, tables

REFERENCE = ROOT / "docs" / "api"
PAGE_OF = {"weighting": "weightings.md", "model": "sharing.md", "encoder": "encoders.md"}


def described(page: Path) -> list[str]:
    """The names that a page has described, in order."""
    return re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def targets(group: str) -> set[str]:
    """The classes that the options of a group name."""
    return {str(target_of(path, group)) for path in (CONF / group).glob("*.yaml")}


def test_every_public_name_is_described_once() -> None:
    assert sorted(described(REFERENCE / "README.md")) == sorted(f"mtl.{name}" for name in mtl.__all__)


@pytest.mark.parametrize("group", PAGE_OF)
def test_every_option_is_described(group: str) -> None:
    """But for trees, which share nothing and are no strategy."""
    names = targets(group) - {"mtl.trees.boosting.BoostedTrees"}
    assert names <= set(described(REFERENCE / PAGE_OF[group]))


def test_classes_that_other_names_are_compared_with_exist() -> None:
    """The column of our classes in the page for those who come from another library."""
    ours = {name.rpartition(".")[2] for name in targets("weighting")}
    found = set()
    for heads, *rows in tables(ROOT / "docs" / "moving.md"):
        if "class here" in heads:
            found |= {word for row in rows for word in re.findall(r"`(\w+)`", row[heads.index("class here")])}
    assert found
    assert found <= ours


def test_every_weighting_is_in_another_library_or_said_not_to_be() -> None:
    """The page for those who come from TorchJD, which this suite has beside it."""
    page = (ROOT / "docs" / "moving.md").read_text(encoding="utf-8")
    part = page.split("\n## TorchJD\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", part))
    assert {path.stem for path in (CONF / "weighting").glob("*.yaml")} <= named
