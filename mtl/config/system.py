"""What systems tell of a process and its machine, each in its own way: the only place that asks one of them by name.

Linux has files under /proc, others have not; ``resource`` is not on Windows, and ``cpu_affinity`` not on macOS.
"""

import platform
import sys
from contextlib import suppress
from pathlib import Path

import psutil

PROC = Path("/proc")  # of Linux
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt of the GNU C library
KEPT, LARGEST = 256 * 2**20, 32 * 2**20  # bytes; it takes no larger value of the second


def usable_cores() -> int:
    """Cores that this process may use; where the system does not tell, those of the machine."""
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # psutil has it on Linux and Windows only
        return len(process.cpu_affinity())
    return int(psutil.cpu_count() or 1)


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
    """Bytes of memory that this process may use: those of the machine, or fewer where its control group has a limit."""
    there = int(psutil.virtual_memory().total)
    with suppress(OSError, ValueError):  # "max" is no number
        return min(there, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8")))
    return there


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
