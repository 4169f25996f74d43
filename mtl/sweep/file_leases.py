"""Leases as files ``<key>.lock`` beside what is known of the attempts, for processes that share a file system."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from typing_extensions import override

from mtl.runs.files import read_json_if_whole
from mtl.runs.lock import create_lock, describe_this_process, heartbeat, holder_of, is_alive
from mtl.sweep.leases import Lease, Leases


class FileLeases(Leases):
    """A file says who is at a run, and is touched every few seconds.

    Args:
        directory: of the files.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # Takers follow one another, so that two that find a dead lock do not both take it over
        self._mutex = FileLock(directory / ".mutex")

    @override
    def held(self, keys: Collection[str]) -> set[str]:
        return {key for key in keys if self._is_held(key)}

    def _is_held(self, key: str) -> bool:
        lock = self._lock(key)
        holder = holder_of(lock)
        return bool(holder) and is_alive(holder, lock)

    @override
    def take(self, key: str) -> Lease | None:
        lock, mine = self._lock(key), describe_this_process()
        with self._mutex:
            dead = lock.is_file()
            if dead and self._is_held(key):
                return None
            lock.unlink(missing_ok=True)
            taken = create_lock(lock, json.dumps(mine))
        return Lease(key, mine["token"], dead) if taken else None

    @override
    @contextmanager
    def keep(self, lease: Lease) -> Iterator[None]:
        lock = self._lock(lease.key)
        try:
            with heartbeat(lock, lease.token, f"the lease of run '{lease.key}'"):
                yield
        finally:
            with self._mutex:
                if read_json_if_whole(lock).get("token") == lease.token:
                    lock.unlink()

    @override
    def clear(self, key: str) -> None:
        lock = self._lock(key)
        if lock.is_file():
            with self._mutex:
                if not self._is_held(key):
                    lock.unlink(missing_ok=True)

    def _lock(self, key: str) -> Path:
        return self.directory / f"{key}.lock"
