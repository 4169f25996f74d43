"""Suites of public data are tested on small generated stand-ins of it; see test_real_data.py for the data itself."""

from pathlib import Path

import pytest

from mtl.suites.sources.archive import Archive
from tests.suites.standins import stand_ins


def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests of a session."""
    return tmp_path_factory.getbasetemp() / "cache"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file that a suite fetches is its stand-in, and what is made of it is kept elsewhere than a user's."""
    monkeypatch.setenv("MTL_CACHE", str(kept(tmp_path_factory)))
    content = dict(stand_ins())
    monkeypatch.setattr(Archive, "read", lambda self, name: content[name])
    return content
