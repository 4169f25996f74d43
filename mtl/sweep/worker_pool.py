"""Worker processes that go from one sweep to the next: each is started once, and imports torch once."""

import multiprocessing
import multiprocessing.connection
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mtl.runs.attempts import queue_directory
from mtl.sweep.processes import end_all, start_worker, worker_process
from mtl.sweep.stop_flag import StopFlag

Work = Callable[..., None]  # a function of a module, which the new process imports


@dataclass
class Worker:
    """A process that does one piece of work after another.

    Attributes:
        process: it.
        connection: takes pieces of work, and gives back a word when one is done.
        busy: whether it is at one.
    """

    process: BaseProcess
    connection: Connection
    busy: bool = False

    def look(self) -> bool:
        """Whether it is alive; what it says is heard first."""
        with suppress(EOFError, OSError):  # it has died
            while self.connection.poll():
                self.connection.recv()
                self.busy = False
        return self.process.is_alive()


class WorkerPool:
    """Worker processes, started when they are needed and ended together.

    Within a ``with`` block; at its end all are told to end, and what they train is left with its last checkpoint.

    Args:
        output: the directory that holds the queue, where their output goes.

    Attributes:
        stop: set by whoever wants all to end after the run under way.
        lost: how many have died at work.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self._context = multiprocessing.get_context("spawn")
        self.stop = StopFlag(self._context)
        self.lost = 0
        self._workers: list[Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        end_all([one.process for one in self._workers])
        for one in self._workers:
            one.connection.close()
        self._workers = []
        self.stop.close()

    def busy(self) -> int:
        """How many are at work. Those that have died are forgotten."""
        alive = [(one, one.look()) for one in self._workers]
        for one, lives in alive:
            if not lives:
                self.lost += one.busy
                one.connection.close()
        self._workers = [one for one, lives in alive if lives]
        return sum(one.busy for one in self._workers)

    def wait(self, seconds: float) -> None:
        """Until so much time has passed, or one has done its work or died."""
        multiprocessing.connection.wait([one.connection for one in self._workers], seconds)

    def give(self, work: Work, *arguments: Any) -> None:
        """Let an idle worker, or a new one, do this; it is also told :attr:`stop`, as the keyword ``stop``.

        Args:
            work: what to call.
            *arguments: with these.
        """
        worker = next((one for one in self._workers if not one.busy and one.process.is_alive()), None)
        if worker is None:
            worker = self._start()
        worker.busy = True
        with suppress(OSError):  # it has just died, which the next look finds
            worker.connection.send((work, arguments))

    def _start(self) -> Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self.stop, self.output), daemon=True)
        start_worker(process)
        theirs.close()
        self._workers.append(Worker(process, ours))
        return self._workers[-1]


def _serve(connection: Connection, stop: StopFlag, output: Path) -> None:
    """Do what comes until nothing more can come."""
    with worker_process(queue_directory(output)), suppress(EOFError):
        while True:
            work, arguments = connection.recv()
            work(*arguments, stop=stop)
            connection.send("done")
