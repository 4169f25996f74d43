"""What holds for the whole process: its cores, and defaults that have to be set before torch is imported."""

import os

import psutil

RUN_VARIABLE = "MTL_RUN"  # tells the other processes of one training where the first writes

RESUMED_VARIABLE = "MTL_RESUMED"  # is set where they go on with that run


def usable_cores() -> int:
    """Cores that this process may use; where the system does not tell, those of the machine."""
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # psutil has it on Linux and Windows only
        return len(process.cpu_affinity())
    return int(psutil.cpu_count() or 1)


def set_process_defaults() -> None:
    """Keep the output to what the user asked for, and the processor free for others."""
    # Threads that wait for each other sleep instead of spinning: on a machine with other work, small steps take a fifth
    # of the time (measured: 40 ms instead of 200). Has to be set before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
