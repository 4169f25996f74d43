"""A flag that processes share."""

from multiprocessing.context import BaseContext


class StopFlag:
    """Says to all processes that have it whether to stop; whatever becomes of them, nothing of it is left.

    An Event of :mod:`multiprocessing` consists of semaphores, which the system knows by name. Where the program that
    made them is killed, Python warns of that on its terminal, and a process that was being started fails to find them.
    This one is a pipe, from which nobody reads while the flag is set.

    Args:
        context: of the processes; it is given to them as an argument of their function.
    """

    def __init__(self, context: BaseContext) -> None:
        self._reader, self._writer = context.Pipe(duplex=False)

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._reader.poll()

    def set(self) -> None:
        """Tell all."""
        if not self.is_set():  # a pipe that nobody reads from would be full in the end
            self._writer.send_bytes(b"stop")

    def clear(self) -> None:
        """Forget it; no other process may do so at the same time."""
        while self._reader.poll():
            self._reader.recv_bytes()

    def close(self) -> None:
        """Close it for this process."""
        self._reader.close()
        self._writer.close()
