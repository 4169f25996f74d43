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
    assert 1 <= system.usable_cores() <= len(os.sched_getaffinity(0))


GROUPS = {  # by version: where a process is, the folder of that group, and its limits
    "2": ("0::/job/step\n", "job/step", {"cpu.max": "max 100000\n", "memory.max": "max\n"}),
    "1": (
        "7:memory:/job\n3:cpu,cpuacct:/job/step\n0::/\n",
        "cpu/job/step",
        {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"},
    ),
}


@pytest.mark.parametrize("version", GROUPS)
def test_a_control_group_limits_cores_and_memory(version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own limits and those of the groups above it; a container sees the folder of its own group as the first."""
    line, place, unlimited = GROUPS[version]

    def write(folder: str, files: dict[str, str]) -> None:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / folder / name).write_text(text)

    write("proc/self", {"cgroup": line})
    write(f"groups/{place}", unlimited)
    monkeypatch.setattr(system, "PROC", tmp_path / "proc")
    monkeypatch.setattr(system, "CONTROL_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda _: list(range(8)), raising=False)
    total = psutil.virtual_memory().total
    assert (system.usable_cores(), system.memory_of_host()) == (8, total)
    for quota, cores in (("400000", 4), ("250000", 2), ("50000", 1), ("1600000", 8)):
        above = str(Path("groups", place).parent)
        write(above, {"cpu.max": f"{quota} 100000\n", "cpu.cfs_quota_us": quota, "cpu.cfs_period_us": "100000"})
        assert system.usable_cores() == cores
    write("groups/memory", {"memory.limit_in_bytes": "1000000"})
    write("groups", {"memory.max": "2000000"})
    assert system.memory_of_host() == (2000000 if version == "2" else 1000000)


@pytest.mark.parametrize("limit", ["", "0", "-1", "max", "-1 0", "100000 0", "\0"])
def test_what_limits_nothing_is_no_limit(limit: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("0::/\n")
    for name in ("cpu.max", "memory.max", "memory.limit_in_bytes"):
        (tmp_path / name).write_text(limit)
    monkeypatch.setattr(system, "PROC", tmp_path)
    monkeypatch.setattr(system, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda _: list(range(8)), raising=False)
    assert (system.usable_cores(), system.memory_of_host()) == (8, psutil.virtual_memory().total)
