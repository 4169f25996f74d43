"""How many machines a file may state beyond those that its operations name."""

from mtl.errors import InputError

MOST_IDLE = 1000  # a machine takes memory even if nothing is ever done on it


def check_idle(where: str, machines: int, named: int) -> None:
    """InputError for a number of machines, of which memory is taken, that is far above what the file is about.

    Args:
        where: the file and line that state it.
        machines: their number.
        named: how often operations of the file name a machine.
    """
    if machines > named + MOST_IDLE:
        raise InputError(
            f"{where}: {machines} machines, and its operations name a machine {named} times: expected at most "
            f"{named + MOST_IDLE}"
        )
