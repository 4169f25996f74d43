"""What begins in the home directory, of a process that has none, as in a container."""

from pathlib import Path
from typing import Any

import pytest

from mtl.config.home import expanded
from mtl.errors import InputError
from mtl.suites.sources import cache


def homeless(*_: Any, **__: Any) -> Path:
    raise RuntimeError("could not determine the home directory")


def test_without_a_home_directory_one_line_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "expanduser", homeless)
    monkeypatch.setattr(cache, "user_cache_path", homeless)
    monkeypatch.delenv("MTL_CACHE", raising=False)
    with pytest.raises(InputError, match=r"^'~/my.csv': there is no home directory here: expected a path without ~$"):
        expanded("~/my.csv")
    with pytest.raises(InputError, match=r"^there is no home directory for the cache here: set MTL_CACHE to a folder$"):
        cache.cache_directory()


def test_other_paths_stay_as_they_are() -> None:
    assert expanded("a/~b.csv") == Path("a/~b.csv")
