"""A file of events, as TensorBoard reads them, that is written at once."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]
from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]
from torch.utils.tensorboard.summary import scalar

FILES = count()  # tells those of one process and second apart


class EventFile:
    """Events of one directory, which are known in full and go to a file one after the other.

    ``torch.utils.tensorboard.SummaryWriter`` starts a thread and lists the limits of histograms for every directory.
    That is most of the time where a report has a directory for each of thousands of runs. The file is open only while
    it is written to: nothing is lost of one that nobody closes, but for what was not flushed.

    Args:
        directory: is made where there is none.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self._path = directory / f"events.out.tfevents.{now:010.0f}.{socket.gethostname()}.{os.getpid()}.{next(FILES)}"
        self._waiting = BytesIO()
        self._records = RecordWriter(self._waiting)
        self._write(Event(wall_time=now, file_version="brain.Event:2"))
        self.flush()

    def add_summary(self, summary: Any, step: int = 0) -> None:
        """Add a summary in TensorBoard's form."""
        self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def add_scalar(self, tag: str, value: float, step: int = 0) -> None:
        """Add a number."""
        self.add_summary(scalar(tag, value), step)  # type: ignore[no-untyped-call]

    def flush(self) -> None:
        """Write what was added to the file."""
        with self._path.open("ab") as file:
            file.write(self._waiting.getvalue())
        self._waiting.seek(0)
        self._waiting.truncate()

    def _write(self, event: Any) -> None:
        self._records.write(event.SerializeToString())


@contextmanager
def event_file(directory: Path) -> Iterator[EventFile]:
    """Within this, a new file of events of a directory can be written; the directory is made."""
    writer = EventFile(directory)
    yield writer
    writer.flush()
