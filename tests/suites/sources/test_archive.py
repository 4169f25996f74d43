"""Archives are fetched once, whole, and checked; the cache survives damage and crowds."""

import hashlib
import io
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mtl.errors import InputError
from mtl.suites.sources import archive as module
from mtl.suites.sources.archive import Archive, Source
from mtl.suites.sources.cache import cache_directory

CONTENT = {"toy/data/a.csv": b"x,y\n1,2\n", "toy/data/b.csv": b"z\n3\n"}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel(path: Path) -> bytes:
    """A wheel that pip accepts, with the content."""
    info = "toy-1.0.dist-info"
    files = {
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in (CONTENT | files).items():
            packed.writestr(zipfile.ZipInfo(name), content)
    return path.read_bytes()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def toy(tmp_path: Path, cache: Path) -> Archive:
    """An archive on an index that is a folder."""
    index = tmp_path / "index"
    index.mkdir()
    content = wheel(index / "toy-1.0-py3-none-any.whl")
    options = ("--no-index", f"--find-links={index}")
    hashes = {name: digest(c) for name, c in CONTENT.items()}
    return Archive("toy", "1.0", "toy-1.0-py3-none-any.whl", digest(content), hashes, options)


def test_a_file_is_downloaded_by_pip_and_then_read_offline(toy: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(toy, "toy/data/a.csv")
    assert source.read() == CONTENT["toy/data/a.csv"]
    monkeypatch.setattr(module.subprocess, "run", lambda *a, **k: pytest.fail("a second download"))
    assert source.read() == CONTENT["toy/data/a.csv"]
    assert Source(toy, "toy/data/b.csv").read() == CONTENT["toy/data/b.csv"], "its neighbours come with it"
    assert source.sha256 == digest(source.read())


def test_a_folder_holds_all_files_of_an_archive(toy: Archive) -> None:
    assert {path.name: path.read_bytes() for path in toy.unpacked().glob("*.csv")} == {
        Path(name).name: content for name, content in CONTENT.items()
    }


def test_an_archive_brought_by_hand_needs_no_network(toy: Archive, cache: Path) -> None:
    (cache / "archives").mkdir(parents=True)
    wheel(cache / "archives" / toy.archive)
    offline = replace(toy, options=("--no-index",))
    assert offline.read("toy/data/a.csv") == CONTENT["toy/data/a.csv"]


def test_a_source_archive_is_read(toy: Archive, cache: Path) -> None:
    (cache / "archives").mkdir(parents=True)
    path = cache / "archives" / "toy-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        for name, content in CONTENT.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    packed_toy = replace(toy, archive=path.name, sha256=digest(path.read_bytes()))
    assert packed_toy.read("toy/data/b.csv") == CONTENT["toy/data/b.csv"]


@pytest.mark.parametrize(
    "damage", [b"", b"x,y\n1,3\n", CONTENT["toy/data/a.csv"][:3]], ids=["empty", "changed", "half"]
)
def test_a_damaged_file_is_rebuilt(toy: Archive, cache: Path, damage: bytes) -> None:
    (cache / "archives").mkdir(parents=True)
    wheel(cache / "archives" / toy.archive)
    toy.read("toy/data/a.csv")
    place = cache / "sources" / "toy-1.0" / "a.csv"
    place.write_bytes(damage)
    assert toy.read("toy/data/a.csv") == CONTENT["toy/data/a.csv"]
    assert place.read_bytes() == CONTENT["toy/data/a.csv"]


def test_first_runs_at_once_download_once(toy: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(self: Archive, folder: Path) -> None:
        calls.append(folder)
        wheel(folder / self.archive)

    monkeypatch.setattr(Archive, "_download", download)
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda _: toy.read("toy/data/a.csv"), range(8)))
    assert set(contents) == {CONTENT["toy/data/a.csv"]}
    assert len(calls) == 1


def test_without_network_the_manual_way_is_told(toy: Archive, cache: Path) -> None:
    offline = replace(toy, options=("--no-index",))
    with pytest.raises(InputError, match=r"cannot download toy==1\.0") as caught:
        offline.read("toy/data/a.csv")
    assert "pip download --no-deps --no-index toy==1.0" in str(caught.value)
    assert str(cache / "archives") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_archive_of_that_name_is_refused(toy: Archive, cache: Path) -> None:
    with pytest.raises(InputError, match="cannot download"):
        replace(toy, sha256="0" * 64).read("toy/data/a.csv")
    (cache / "archives").mkdir(parents=True)
    (cache / "archives" / toy.archive).write_bytes(b"something else")
    with pytest.raises(InputError, match="not the expected archive"):
        toy.read("toy/data/a.csv")


@pytest.mark.parametrize(
    "files", [{"toy/data/a.csv": "0" * 64}, {"toy/data/c.csv": "0" * 64}], ids=["other", "missing"]
)
def test_an_archive_without_the_expected_file_is_refused(toy: Archive, cache: Path, files: dict[str, str]) -> None:
    (cache / "archives").mkdir(parents=True)
    wheel(cache / "archives" / toy.archive)
    with pytest.raises(InputError, match="does not hold the expected file"):
        replace(toy, files=files).read(next(iter(files)))
    assert not list((cache / "sources" / "toy-1.0").glob("*.csv")), "nothing wrong is kept"


def test_a_cache_that_cannot_be_made_is_told(toy: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match="set MTL_CACHE"):
        toy.read("toy/data/a.csv")


def test_the_cache_is_where_the_user_says(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_directory() == cache
    monkeypatch.delenv("MTL_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "mtl"
    monkeypatch.setenv("MTL_CACHE", "")
    assert cache_directory() == tmp_path / "mtl"
