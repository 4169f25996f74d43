"""A file of events, as TensorBoard reads them, that is written at once."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]
from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]
from torch.utils.tensorboard.summary import scalar


class EventFile:
    """What is known already goes to a file of events one after the other.

    ``torch.utils.tensorboard.SummaryWriter`` starts a thread and lists the limits of histograms for every directory.
    That is most of the time where a report has a directory for each of thousands of runs.

    Args:
        file: to write to.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._now = time.time()
        self._records = RecordWriter(file)
        self._write(Event(wall_time=self._now, file_version="brain.Event:2"))

    def add_summary(self, summary: Any, step: int = 0) -> None:
        """Add a summary in TensorBoard's form."""
        self._write(Event(wall_time=self._now, step=step, summary=summary))

    def add_scalar(self, tag: str, value: float, step: int = 0) -> None:
        """Add a number."""
        self.add_summary(scalar(tag, value), step)  # type: ignore[no-untyped-call]

    def _write(self, event: Any) -> None:
        self._records.write(event.SerializeToString())


@contextmanager
def event_file(directory: Path) -> Iterator[EventFile]:
    """Within this, a new file of events of a directory can be written; the directory is made."""
    directory.mkdir(parents=True, exist_ok=True)
    name = f"events.out.tfevents.{time.time():010.0f}.{socket.gethostname()}"
    with (directory / name).open("wb") as file:
        yield EventFile(file)
