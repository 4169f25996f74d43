"""DATA.md and the catalogue say the same."""

from pathlib import Path

import pytest

from mtl.suites.sources.archive import Source
from mtl.suites.sources.catalogue import ALL

TEXT = (Path(__file__).parents[3] / "DATA.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.name)
def test_every_file_is_described(source: Source) -> None:
    (row,) = [line for line in TEXT.splitlines() if source.sha256 in line]
    assert f"`{Path(source.name).name}`" in row
    assert f"{source.archive.package} {source.archive.version}" in row
    assert any(f"`{source.archive.sha256}`" in line for line in TEXT.splitlines())


def test_nothing_else_is_described() -> None:
    shown = {word.strip("`") for word in TEXT.split() if len(word) == 66 and word.startswith("`")}
    assert shown == {source.sha256 for source in ALL} | {source.archive.sha256 for source in ALL}
