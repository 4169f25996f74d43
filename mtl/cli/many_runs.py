"""Commands that train many runs: where they are interrupted, the same command goes on."""

from collections.abc import Callable

from rich.console import Console

from mtl.config.commands import trains_many
from mtl.config.own_code import exits_are_errors
from mtl.config.signals import exit_code, interruptions_prevail


def carry_out_many(work: Callable[[], int], command: str, console: Console) -> int:
    """Do the work of a command that trains many runs.

    Args:
        work: returns the exit code.
        command: as it was typed.
        console: where an interruption is said.

    Returns:
        The exit code; of an interruption, between two runs or in one of this process, 128 and the signal's number.
    """
    try:
        with trains_many(), interruptions_prevail(), exits_are_errors():
            return work()
    except (KeyboardInterrupt, SystemExit) as error:  # a run that was interrupted raises SystemExit
        text = f"interrupted; the same command goes on from here: {command}"
        console.print(text, soft_wrap=True, highlight=False, markup=False)
        return exit_code(error)
