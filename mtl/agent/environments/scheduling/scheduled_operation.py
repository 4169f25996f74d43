"""One operation of a schedule, as it is written into files."""

from typing import NamedTuple

from mtl.suites.scheduling.constraints import Name


class ScheduledOperation(NamedTuple):
    """One operation with its times, under the names of the instance.

    Attributes:
        job: its name.
        operation: its name within the job.
        machine: the name of its machine.
        start: when it begins.
        end: when it ends.
    """

    job: Name
    operation: Name
    machine: Name
    start: int
    end: int
