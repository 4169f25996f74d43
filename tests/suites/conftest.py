"""Suites of public data are tested on small generated stand-ins of it; see test_real_data.py for the data itself."""

import pytest

from mtl.suites.sources.archive import Archive
from tests.suites.standins import stand_ins


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Every file that a suite fetches is its stand-in."""
    content = dict(stand_ins())
    monkeypatch.setattr(Archive, "read", lambda self, name: content[name])
    return content
