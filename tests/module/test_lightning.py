"""Workarounds against Lightning."""

from pathlib import Path

import pytest

from mtl.config import beginning
from mtl.module.lightning import LAUNCHER, START, silent_lightning


def test_other_processes_begin_where_the_program_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run it from its first line: a relative ``os.chdir`` in it would else be made twice."""
    seen: list[Path] = []
    monkeypatch.setattr(LAUNCHER, START, lambda self: seen.append(Path.cwd()))
    start = getattr(LAUNCHER, START)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(beginning, "BEGINNING", tmp_path)
    monkeypatch.chdir(tmp_path / "data")
    with silent_lightning():
        getattr(LAUNCHER, START)(None)
    assert seen == [tmp_path]
    assert Path.cwd() == tmp_path / "data"
    assert getattr(LAUNCHER, START) is start
