"""What a system does not tell is done without: each file, function and module of one system is taken away."""

import os
import platform
import socket
import sys
from pathlib import Path

import psutil
import pytest

from mtl.config import system
from mtl.runs.lock import machine_id


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A system that has nothing of Linux: no /proc, and what Python and psutil have there alone."""
    monkeypatch.setattr(system, "PROC", tmp_path / "proc")
    for name in ("sched_getaffinity", "sched_setaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.delattr(psutil.Process, "cpu_affinity", raising=False)
    monkeypatch.delattr(psutil, "heap_trim", raising=False)
    for name in ("fcntl", "ctypes"):
        monkeypatch.setitem(sys.modules, name, None)
    return monkeypatch


def test_a_system_without_proc_tells_what_it_can(bare: pytest.MonkeyPatch) -> None:
    assert system.usable_cores() == psutil.cpu_count()
    assert system.processor() == platform.machine()
    assert system.boot_and_namespace() == ()
    system.keep_freed_memory()
    system.forget_peak_of_host()
    held = psutil.Process().memory_info().rss
    assert system.peak_of_host() >= 0.5 * held  # by the system's own count
    bare.setitem(sys.modules, "resource", None)  # as on Windows
    assert system.peak_of_host() >= 0.5 * held


def test_a_peak_is_counted_in_bytes_on_every_system(bare: pytest.MonkeyPatch) -> None:
    """macOS counts in bytes where others count in units of 1024."""
    others = system.peak_of_host()
    bare.setattr(sys, "platform", "darwin")
    assert system.peak_of_host() == pytest.approx(others / 1024, rel=0.1)


def test_cores_that_nobody_knows_are_one(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(psutil, "cpu_count", lambda: None)
    assert system.usable_cores() == 1


def test_a_machine_has_a_name_without_proc(bare: pytest.MonkeyPatch) -> None:
    machine_id.cache_clear()
    try:
        assert machine_id() == socket.gethostname()
    finally:
        machine_id.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such files")
def test_linux_tells_all() -> None:
    boot, namespace = system.boot_and_namespace()
    assert len(boot) == 36
    assert namespace.startswith("pid:")
    assert system.usable_cores() == len(os.sched_getaffinity(0))
