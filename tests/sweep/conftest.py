"""Fixtures of the tests of comparisons."""

import pytest


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without figures, which take longer than short runs do; the tests of reports look at figures."""
    monkeypatch.setattr("mtl.comparison.report.publish.draw_figures", lambda *_: [])
