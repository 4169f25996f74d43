"""A place to work in, where nothing is printed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


@contextmanager
def quiet_place() -> Iterator[Path]:
    """Within this, there is a directory that is removed afterwards, and what trainings print is thrown away."""
    with (
        tempfile.TemporaryDirectory() as place,
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stderr(nowhere),
        redirect_stdout(nowhere),  # what a table says of its columns
    ):
        yield Path(place)
