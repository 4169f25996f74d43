"""What is left of a run that does not come to its end: its state, what it can go on from, and one line for the user."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mtl.config.commands import is_one_of_many, trusting, typed
from mtl.config.literals import override_argument
from mtl.config.own_code import exits_are_errors
from mtl.config.signals import EXIT_TIME_LIMIT, exit_code, ignore_signals, interruptions_prevail
from mtl.distributed import is_lost_connection
from mtl.errors import InputError
from mtl.module.loss_meter import Diverged
from mtl.runs.directory import Run
from mtl.training.callbacks import Pruned
from mtl.training.loggers import end_loggers, forget_loggers


@contextmanager
def failures_recorded(run: Run, *, first: bool, again: str | None = None) -> Iterator[None]:
    """Within this, whatever ends a run early is written to its state, and its last good checkpoint is kept.

    Args:
        run: its directory.
        first: this is the first of the processes that train it.
        again: how it can be gone on with; None: by its last checkpoint, if there is one.

    Raises:
        InputError: what the user can do something about, such as a full disk.
        SystemExit: it was interrupted.
        Pruned: a search has ended it, and the same command goes on.
    """
    try:
        with interruptions_prevail(), exits_are_errors():
            yield
        forget_loggers(run.path)
    except Diverged as error:
        ended(run, "failed")
        raise Diverged(f"{error}; {what_is_kept(run)}") from None
    except Pruned:
        ended(run, "pruned")
        raise
    except InputError:
        ended(run, "failed")
        if first and not any(place.is_file() for place in (run.last, run.improvement, run.path / "result.json")):
            shutil.rmtree(run.path)  # nothing that could be of use
        raise
    except OSError as error:  # a full disk, a directory that may not be written
        with suppress(OSError):
            ended(run, "failed")
        raise InputError(f"cannot go on with run '{run.path}': {error}; {again or what_is_kept(run)}") from None
    except (SystemExit, KeyboardInterrupt) as error:  # SystemExit is what Lightning makes of Ctrl-C
        ignore_signals()
        with suppress(OSError):
            ended(run, "interrupted")
        if first and not is_one_of_many():
            why = "the time limit is reached" if exit_code(error) == EXIT_TIME_LIMIT else "interrupted"
            sys.stderr.write(f"{why}; {again or how_to_go_on(run)}\n")
        raise SystemExit(exit_code(error)) from None
    except RuntimeError as error:
        if is_lost_connection(error):  # another process of this training was ended
            ignore_signals()
            ended(run, "interrupted")
            raise InputError(f"another process of this training has ended; {how_to_go_on(run)}") from None
        ended(run, "failed")
        raise
    except BaseException:
        ended(run, "failed")
        raise


def ended(run: Run, state: str) -> None:
    """Write down how a run has ended, and tell its loggers.

    One that has its result is done, whatever came after it, such as a registry that does not take it.

    Args:
        run: its directory.
        state: in which it is left.
    """
    done = (run.path / "result.json").is_file()
    try:
        run.state = "done" if done else state
    finally:
        if done:
            forget_loggers(run.path)
        else:
            end_loggers(run.path, interrupted=state != "failed")


def how_to_go_on(run: Run) -> str:
    """What a person types after an interruption."""
    if not run.last.is_file():
        return "no epoch was validated"
    named = override_argument("resume", str(run.path))
    return f"go on with: {' '.join([typed('train'), named, *trusting(run.trust)])}"


def what_is_kept(run: Run) -> str:
    """What there is to go on from when a run fails."""
    if (run.path / "result.json").is_file():
        return "its result is kept"
    return f"the last good state is in {run.last}" if run.last.is_file() else "no epoch was validated"
