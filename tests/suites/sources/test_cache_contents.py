"""What lies in the cache is counted and removed, unless somebody writes there."""

from pathlib import Path

import pytest
from filelock import FileLock

from mtl.cli.cache import cache_page
from mtl.errors import InputError
from mtl.suites.sources.cache_contents import Stored, remove, stored


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with a table, a downloaded file and an archive."""
    monkeypatch.setenv("MTL_CACHE", str(tmp_path))
    for name in ("tables/0123/train.inputs", "sources/package-1/rows.csv", "archives/package.whl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"12345")
    (tmp_path / "tables/0123.lock").touch()
    return tmp_path


def test_what_is_removed_is_what_was_asked_for(cache: Path) -> None:
    assert stored() == [
        Stored("tables", 1, 5),
        Stored("prepared", 0, 0),
        Stored("sources", 1, 5),
        Stored("archives", 1, 5),
    ]
    assert "tables           5 B in 1 files: your own tables" in cache_page(["--cache"])
    assert remove("tables") == [Stored("tables", 1, 5)]
    assert not (cache / "tables").exists()
    assert (cache / "sources/package-1/rows.csv").is_file()
    assert "removed" in cache_page(["--remove-cache=all"])
    assert [one.name for one in stored() if one.files] == ["archives"]


def test_what_somebody_writes_is_not_removed(cache: Path) -> None:
    with FileLock(cache / "tables/0123.lock"), pytest.raises(InputError, match="a program writes there now"):
        remove("tables")
    assert (cache / "tables/0123/train.inputs").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--remove-cache=table"], "unknown folder of the cache 'table': did you mean 'tables'"),
        (["--remove-cache=archives"], "unknown folder of the cache 'archives'"),
        (["--cache", "task=table"], "stand alone: '--cache task=table'"),
    ],
)
def test_other_words_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        cache_page(arguments)
