"""What jobs of a sweep could not do: said where the sweep was started, whatever process ran the job."""

import sys
from typing import Any

failures: list[str] = []  # of a sweep's jobs, in the process that started it


class Failed:
    """What a job in another process gives back in the place of its result; where it arrives, it is said and noted.

    It is no error: Hydra raises the error of the first job, and says nothing of the others. A sweeper sees None, as it
    does of a job that failed where the sweep was started.

    Args:
        line: the job and its mistake.
    """

    def __init__(self, line: str) -> None:
        self.line = line

    def __reduce__(self) -> tuple[Any, ...]:
        return note_failure, (self.line,)


def note_failure(line: str) -> None:
    """Say what a job could not do, and keep it for the end of the sweep."""
    if line not in failures:  # what a job gives back may be read twice
        failures.append(line)
        sys.stderr.write(f"error: {line}\n")
