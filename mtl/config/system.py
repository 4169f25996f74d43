"""What systems tell of a process and its machine, each in its own way: the only place that asks one of them by name.

Linux has files under /proc, others have not; ``resource`` is not on Windows, and ``cpu_affinity`` not on macOS.
"""

import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from math import inf
from pathlib import Path

import psutil

PROC = Path("/proc")  # of Linux
CONTROL_GROUPS = Path("/sys/fs/cgroup")  # of Linux: the limits of a container, a service, a job of a batch system
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt of the GNU C library
KEPT, LARGEST = 256 * 2**20, 32 * 2**20  # bytes; it takes no larger value of the second


def usable_cores() -> int:
    """Whole cores that this process may use: of those it may run on, as many as its control groups let it use at once.

    Where the system does not tell, those of the machine.
    """
    process, there = psutil.Process(), int(psutil.cpu_count() or 1)
    if hasattr(process, "cpu_affinity"):  # psutil has it on Linux and Windows only
        there = len(process.cpu_affinity())
    return max(1, int(min(there, quota_of_cores())))


def quota_of_cores() -> float:
    """How many cores the control groups of this process let it use at once, in time; infinite: as many as there are."""
    found = [inf]
    for folder in control_groups("cpu"):
        with suppress(OSError, ValueError, ZeroDivisionError):  # "max" is no number
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
            found.append(int(quota) / int(period))
        with suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period")
            )
            found.append(int(quota) / int(period))
    return min(share for share in found if share > 0)  # -1: no limit


def control_groups(controller: str) -> Iterator[Path]:
    """Folders of the control group of this process and of those above it, whose limits hold for it, too.

    Args:
        controller: what it limits, such as cpu: in version 1 each has folders of its own.

    Yields:
        Path: a folder, which may not be there: a container sees the part from its own group on.
    """
    with suppress(OSError, ValueError):
        for line in (PROC / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            root = CONTROL_GROUPS / controller if controllers else CONTROL_GROUPS
            here = root / path.lstrip("/")
            yield from (folder for folder in (here, *here.parents) if folder.is_relative_to(root))


def keep_freed_memory() -> None:
    """Let the GNU C library keep up to 256 MiB of what is freed for the next request; others do as they do.

    By itself it gives large blocks back to the system at once. A training asks for the same blocks in every step, and
    the system fills each page of them with zeros again: a fifth of the time of a step of eight networks of
    ``task=table`` that are trained at once. Between runs all of it is given back (:func:`forget_peak_of_host`).
    """
    with suppress(AttributeError, ImportError, OSError, TypeError):  # another C library, or another system
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP_THRESHOLD, LARGEST)
        mallopt(TRIM_THRESHOLD, KEPT)


def forget_peak_of_host() -> None:
    """Forget the most memory that this process has used, and give back what was freed, where the system can."""
    with suppress(AttributeError, OSError, psutil.Error):
        psutil.heap_trim()  # the C library keeps what is freed, and it would count for the next run
    with suppress(OSError):  # 5 sets the high-water mark to what is used now
        (PROC / "self" / "clear_refs").write_text("5")


def peak_of_host() -> int:
    """Most memory of the host that this process has used, in bytes. psutil knows it on Windows only."""
    with suppress(OSError):  # Linux: getrusage starts from the peak of the program that started this one
        for line in (PROC / "self" / "status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    used = psutil.Process().memory_info()
    with suppress(ImportError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return int(getattr(used, "peak_wset", used.rss))


def memory_of_host() -> int:
    """Bytes of memory that this process may use: those of the machine, or what its control groups allow."""
    found = [int(psutil.virtual_memory().total)]
    for folder in control_groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):  # of version 2, of version 1
            with suppress(OSError, ValueError):  # "max" is no number
                found.append(int((folder / name).read_text(encoding="utf-8")))
    return min(limit for limit in found if limit > 0)  # as of cores, others are no limits


def processor() -> str:
    """The model of the processor; where the system does not tell, its architecture."""
    with suppress(OSError):
        lines = (PROC / "cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return names[0] if names else platform.machine()
    return platform.machine()


def boot_and_namespace() -> tuple[str, ...]:
    """This start of the machine and this namespace of processes; fewer where the system does not tell both."""
    known = []
    with suppress(OSError):
        known.append((PROC / "sys" / "kernel" / "random" / "boot_id").read_text(encoding="utf-8").strip())
        known.append(str((PROC / "self" / "ns" / "pid").readlink()))
    return tuple(known)
