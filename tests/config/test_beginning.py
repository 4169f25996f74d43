"""Where the other processes of a program begin."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mtl
from mtl.config import beginning
from mtl.config.beginning import where_it_began


def test_the_beginning_is_where_the_package_was_imported(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    code = "import os, mtl; os.chdir('data'); from mtl.config.beginning import BEGINNING; print(BEGINNING)"
    here = {**os.environ, "PYTHONPATH": str(Path(mtl.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=here, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).samefile(tmp_path)


def test_one_goes_there_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for place in (there, here):
        place.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(beginning, "BEGINNING", there)
    with where_it_began():
        assert Path.cwd() == there
    assert Path.cwd() == here
    for unknown in (None, tmp_path / "removed"):
        monkeypatch.setattr(beginning, "BEGINNING", unknown)
        with where_it_began():
            assert Path.cwd() == here
