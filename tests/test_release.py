"""One version, wherever it is said."""

import re
import subprocess
from pathlib import Path

import yaml
from packaging.version import Version

from mtl import __version__

ROOT = Path(__file__).parent.parent
SECTION = re.compile(r"^## \[(.+?)\](?: - (.+))?$", re.MULTILINE)
DATED = re.compile(r"\d{4}-\d\d-\d\d|not tagged yet")


def test_the_changelog_has_a_note_of_this_version() -> None:
    """The topmost one that has a number, with the day of its tag or the word that it has none."""
    sections = SECTION.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    numbered = [(name, day) for name, day in sections if name != "Unreleased"]
    assert numbered[0][0] == __version__
    assert all(DATED.fullmatch(day) for _, day in numbered)
    assert [Version(name) for name, _ in numbered] == sorted((Version(name) for name, _ in numbered), reverse=True)


def test_the_citation_is_of_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == __version__


def test_a_tag_of_this_commit_is_the_version() -> None:
    """None on a commit that is no release; none where the files came without their repository."""
    said = subprocess.run(["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert {tag for tag in said.stdout.split() if tag.startswith("v")} <= {f"v{__version__}"}
