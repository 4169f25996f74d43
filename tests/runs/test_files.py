"""Files are written whole, and what is wrong with a place names it."""

import errno
import os
from pathlib import Path

import pytest

from mtl.errors import InputError
from mtl.runs.files import atomic_path, check_place, write_text


def test_an_error_names_the_file_and_not_the_one_beside_it(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "page.html", tmp_path):  # cannot be begun, and cannot take the place
        with pytest.raises((FileNotFoundError, IsADirectoryError)) as caught:
            write_text(path, "a")
        assert (caught.value.filename, caught.value.filename2) == (str(path), None)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="No space left") as full, atomic_path(tmp_path / "page.html"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.filename == str(tmp_path / "page.html")


def test_a_place_is_looked_at_before_work_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (Path("a/b"), tmp_path / "a", Path()):
        check_place(place)
    assert list(tmp_path.iterdir()) == []  # nothing is left behind
    Path("file").touch()
    Path("link").symlink_to("gone")
    for name in ("file", "link"):
        with pytest.raises(InputError, match=rf"nothing can be written to '{name}/a': '.*{name}' is no directory"):
            check_place(Path(name, "a"))
    with pytest.raises(InputError, match=r"nothing can be written to 'n+': File name too long"):
        check_place(Path("n" * 300))


def test_a_path_whose_bytes_are_no_text_can_be_written_about(tmp_path: Path) -> None:
    write_text(tmp_path / "page.html", os.fsdecode(b"caf\xe9"))
    assert (tmp_path / "page.html").read_text() == "caf\\udce9"
