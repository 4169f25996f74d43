"""A job-shop instance: what has to be scheduled, and what is known about its best schedule."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtl.errors import InputError

# The simulator keeps times as float32, which counts integers exactly up to here.
_LARGEST_TIME = 2**24


@dataclass(frozen=True, eq=False)
class JobShop:
    """One classical job shop: J jobs, each visits every one of M machines exactly once, in an order of its own.

    Operation k of job j occupies machine ``machines[j, k]`` for ``durations[j, k]`` time units, without interruption,
    after operation k - 1 of the same job has ended; a machine holds one operation at a time.

    Args:
        name: what reports call it.
        durations: ``[J, M]`` positive integers, in the order of the job's route.
        machines: ``[J, M]`` machine numbers 0..M-1, every row a permutation.
        upper_bound: the smallest makespan known to be possible, if any is known.
        lower_bound: a proven lower bound of the makespan, if one is known.

    Raises:
        InputError: not a classical job shop; the message names the row and the rule.
    """

    name: str
    durations: NDArray[np.int64]
    machines: NDArray[np.int64]
    upper_bound: int | None = None
    lower_bound: int | None = None

    def __post_init__(self) -> None:
        if self.durations.ndim != 2 or self.durations.shape != self.machines.shape or self.durations.size == 0:
            raise InputError(
                f"instance {self.name}: durations {self.durations.shape} and machines {self.machines.shape} "
                "must be two equal, non-empty matrices [jobs, machines]"
            )
        route = np.arange(self.durations.shape[1])
        for job, (durations, machines) in enumerate(zip(self.durations, self.machines, strict=True)):
            if not np.array_equal(np.sort(machines), route):
                raise InputError(
                    f"instance {self.name}, job {job}: visits machines {machines.tolist()}, "
                    f"expected each of 0..{len(route) - 1} exactly once"
                )
            if durations.min() < 0:
                raise InputError(
                    f"instance {self.name}, job {job}: durations {durations.tolist()} must not be negative"
                )
        if not 0 < self.durations.sum() < _LARGEST_TIME:
            raise InputError(
                f"instance {self.name}: total duration {self.durations.sum()} must be in 1..{_LARGEST_TIME - 1}"
            )

    @property
    def jobs(self) -> int:
        """Number of jobs J."""
        return int(self.durations.shape[0])

    @property
    def operations(self) -> int:
        """Operations per job, which equals the number of machines M."""
        return int(self.durations.shape[1])

    @property
    def trivial_bound(self) -> int:
        """The longest job or the most loaded machine, whichever takes longer: no schedule is shorter."""
        load = np.bincount(self.machines.ravel(), weights=self.durations.ravel())
        return int(max(self.durations.sum(axis=1).max(), load.max()))

    @property
    def best_known(self) -> int | None:
        """Makespan of the best schedule known (the optimum where it is proven), or None."""
        return self.upper_bound

    def gap(self, makespan: float) -> float:
        """``(makespan - best) / best``; best is the best known makespan, else the largest lower bound known."""
        best = self.upper_bound or self.lower_bound or self.trivial_bound
        return makespan / best - 1.0


def parse(path: Path) -> JobShop:
    """Read one instance file in the format of the OR-Library, the usual one of the literature.

    First line: number of jobs and number of machines. Then one line per job: pairs ``machine duration`` in the order of
    its route, machines counted from 0. Empty lines and lines that start with ``#`` are skipped.

    Args:
        path: of the file.

    Returns:
        The instance.

    Raises:
        InputError: no such file, or a malformed line (file, line number, what was expected).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"instance file {path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"instance file {path}: cannot be read as text ({type(error).__name__})") from None
    rows: list[tuple[int, list[int]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            rows.append((number, [int(word) for word in line.split()]))
        except ValueError:
            raise InputError(f"{path}:{number}: expected whole numbers, found {line.strip()[:60]!r}") from None
    if not rows:
        raise InputError(f"{path}:1: expected 'jobs machines', found an empty file")
    (number, head), body = rows[0], rows[1:]
    if len(head) != 2 or min(head) < 1:
        raise InputError(f"{path}:{number}: expected 'jobs machines' (two positive numbers), found {head}")
    jobs, operations = head
    for number, row in body[:jobs]:
        if len(row) != 2 * operations:
            raise InputError(
                f"{path}:{number}: expected {operations} pairs 'machine duration' ({2 * operations} numbers), "
                f"found {len(row)}"
            )
        if sorted(row[::2]) != list(range(operations)):
            raise InputError(
                f"{path}:{number}: expected each machine 0..{operations - 1} exactly once, found {row[::2]}"
            )
        if min(row[1::2]) < 0:
            raise InputError(f"{path}:{number}: durations must not be negative, found {min(row[1::2])}")
        if max(row[1::2]) >= _LARGEST_TIME:
            raise InputError(f"{path}:{number}: durations must be below {_LARGEST_TIME}, found {max(row[1::2])}")
    if len(body) != jobs:
        last = body[jobs][0] if len(body) > jobs else rows[-1][0]
        raise InputError(f"{path}:{last}: expected {jobs} job lines after the first line, found {len(body)}")
    table = np.asarray([row for _, row in body], dtype=np.int64)
    return JobShop(path.stem, durations=table[:, 1::2], machines=table[:, ::2])
