"""Several machines that train one run: each has the command started, and the first tells the others where it writes."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from torch import distributed

from mtl.config.process import RESUMED_VARIABLE, RUN_VARIABLE
from mtl.errors import InputError

ADDRESS, PORT, RANKS = "MASTER_ADDR", "MASTER_PORT", ("NODE_RANK", "GROUP_RANK")  # as PyTorch and Lightning have them
ATTEMPT = 1.0  # seconds in which a machine that listens answers
POLL = 0.2  # seconds between two looks; between them signals are heard, as they are not within PyTorch's own waiting
SILENCE = 10.0  # seconds after which a machine that waits says for what
KEY = "hardware.rendezvous_timeout"
Found = TypeVar("Found")


class Machines:
    """The machines that train one run, as one of them sees them.

    They meet at the port after ``MASTER_PORT``, which the training itself uses, before any of them begins with it.

    Args:
        count: how many there are, 2 or more.
        timeout: seconds after which a machine that does not come is given up.
        environment: variables: the address and a port of the first machine, and which of them this one is, from 0.

    Attributes:
        first: whether this is the first of them.

    Raises:
        InputError: a variable is missing or wrong.
    """

    def __init__(self, count: int, timeout: float, environment: Mapping[str, str] = os.environ) -> None:
        if not distributed.is_available():
            raise InputError(f"hardware.num_nodes={count}: this PyTorch is built without torch.distributed")
        self.count, self._timeout = count, timeout
        rank = next((environment[name] for name in RANKS if name in environment), "")
        address, port = environment.get(ADDRESS, ""), environment.get(PORT, "")
        # The largest of all ports has none after it
        if not address or not (port.isdecimal() and int(port) < 65535) or not (rank.isdecimal() and int(rank) < count):
            raise InputError(
                f"hardware.num_nodes={count}: expected on each machine the variables {ADDRESS} and {PORT}, the address "
                f"of the first and a port that is free there, and {RANKS[0]}, 0 to {count - 1}; they are "
                f"'{address}', '{port}' and '{rank}'"
            )
        self.first = int(rank) == 0
        self._address, self._port = address, int(port) + 1
        self._store: Any = None  # of PyTorch, which says no types of it

    @contextmanager
    def run_of_first(self) -> Iterator[None]:
        """Within this, on another machine than the first, the variables that processes of a training have are set.

        It begins when the first machine has a directory for the run, or goes on with one. InputError if that does not
        come, or ends before.
        """
        store = self._store = self._until(self._reached, "the first machine does not answer")
        try:
            self._until(lambda: store.check(["run"]), "the first machine does not say where it writes")
        except RuntimeError:  # it ended while it was asked
            raise InputError("the first machine has ended before it trained") from None
        os.environ[RUN_VARIABLE] = store.get("run").decode()
        if store.get("resumed"):
            os.environ[RESUMED_VARIABLE] = "1"
        try:
            yield
        finally:
            os.environ.pop(RUN_VARIABLE, None)
            os.environ.pop(RESUMED_VARIABLE, None)

    def meet(self) -> None:
        """Wait until all are about to train. InputError if some do not come."""
        if self._store is not None:
            self._store.add("ready", 1)
            return
        try:
            store = self._store = self._open(first=True)
        except RuntimeError as error:
            text = first_line(error)
            raise InputError(f"{PORT}={self._port - 1}: port {self._port} is needed, too: {text}") from None
        store.set("resumed", os.environ.get(RESUMED_VARIABLE, ""))
        store.set("run", os.environ[RUN_VARIABLE])
        self._until(lambda: store.add("ready", 0) == self.count - 1, f"not all of the {self.count} machines have come")

    def _until(self, look: Callable[[], Found | None], lacking: str) -> Found:
        """What a function finds, when it finds something. InputError with what is lacking if it never does."""
        began, silent = time.monotonic(), True
        most = f"{self._timeout:.0f} s ({KEY}={self._timeout:.0f})"
        while not (found := look()):
            waited = time.monotonic() - began
            if waited > self._timeout:
                raise InputError(f"{lacking}, within {most}")
            if silent and waited > SILENCE:
                sys.stderr.write(
                    f"{lacking} yet, and is waited for at {self._address}:{self._port}, for at most {most}\n"
                )
                silent = False
            time.sleep(POLL)
        return found

    def _reached(self) -> Any:
        """The store of the first machine; None if nobody answers."""
        try:
            # PyTorch would print each attempt
            socket.create_connection((self._address, self._port), ATTEMPT).close()
            return self._open(first=False)
        except (OSError, RuntimeError):
            return None

    def _open(self, *, first: bool) -> Any:
        """Where machines write down what others read; RuntimeError if the port is in use, or nobody answers."""
        wait = timedelta(seconds=ATTEMPT if not first else self._timeout)
        store = distributed.TCPStore  # type: ignore[attr-defined]
        return store(self._address, self._port, None, first, wait, wait_for_workers=False)


def first_line(error: Exception) -> str:
    """Of a message."""
    return str(error).strip().splitlines()[0]
