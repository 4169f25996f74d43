"""Standard streams that are missing, full, narrow, or read by nobody. Imports little, so that help answers at once."""

import io
import os
import sys
from contextlib import suppress
from typing import Any

from mtl.config import commands
from mtl.errors import InputError


def prepare_streams() -> None:
    """Let a program print whatever it has to say, whatever its streams are."""
    open_missing_streams()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # Signs that its encoding lacks, as of a path, are shown as Python shows them: else they end the program
        with suppress(OSError):  # of a file in whose place there is a pipe by now
            sys.stdout.reconfigure(errors="backslashreplace")
    if type(sys.stderr) is io.TextIOWrapper:  # no stream of a program around this one
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(AsFarAsPossible(sys.stderr.fileno(), "w", closefd=False)),
            encoding=sys.stderr.encoding,
            errors=sys.stderr.errors,
            line_buffering=True,
        )


class AsFarAsPossible(io.FileIO):
    """A file whose writing never fails: what is told beside the results ends no program, as where its disk is full."""

    def write(self, data: Any) -> int:
        """How much of the data is written, or was given up."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


def open_missing_streams() -> None:
    """Let a stream that the program was started without lead nowhere: else the next file is opened in its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the first free number, which is this one
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def print_page(text: str, end: str = "\n") -> None:
    """Print a text, and whatever is still to be printed.

    A person may read it through another program, such as ``head``, which stops before its end.

    Args:
        text: what to print.
        end: what comes after it.

    Raises:
        InputError: standard output cannot be written, as where it is a file on a full disk.
    """
    try:
        print(commands.as_typed(text), end=end, flush=True)
    except OSError as error:
        print_nowhere()
        if not isinstance(error, BrokenPipeError):
            raise InputError(f"standard output cannot be written: {error.strerror}") from None


def print_nowhere() -> None:
    """Let what is still to be printed lead nowhere: else Python complains when it closes the stream."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
