"""What happens in code of a user's own: an error there is said in one line that names the class, and kept in full."""

import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mtl.config import targets
from mtl.config.folders import CONF, PACKAGE
from mtl.config.raised import package_of, raised_by
from mtl.config.signals import interruption_behind
from mtl.errors import InputError


def own_packages() -> frozenset[str]:
    """Packages of targets that were imported in this process, but for this package and what it is built on."""
    return frozenset(target.partition(".")[0] for target in targets.imported) - theirs()


def theirs() -> frozenset[str]:
    """This package and those of which its options name classes."""
    return frozenset({PACKAGE.name, *(target.partition(".")[0] for target in targets.targets_of_folder(CONF))})


def is_in_own_code(error: BaseException) -> bool:
    """Whether an error was raised in own code, or by what it called."""
    return any(True for _ in _own_frames(error))


def to_input_error(error: BaseException) -> InputError | None:
    """An error that was raised in own code, or by what it called, in one line; None for any other.

    Args:
        error: as it was caught.

    Returns:
        The line. It names the innermost function of own code, and a file with the traceback.
    """
    if not is_in_own_code(error):
        return None
    kept = _kept(error)
    return InputError(line_of(error) + (f"; its traceback is in {kept}" if kept else ""))


@contextmanager
def exits_are_errors() -> Iterator[None]:
    """Within this, own code that ends the program, as by ``sys.exit()``, raises InputError: else nothing is said.

    An exit that is made of a signal stays one.
    """
    try:
        yield
    except SystemExit as error:
        if interruption_behind(error) is not None or not raised_by(error, own_packages()):
            raise
        raise InputError(f"{line_of(error)}: code of a run may raise an error, and not end the program") from None


def line_of(error: BaseException) -> str:
    """What an error is and says, in one line; of one that was raised in own code also where."""
    said = " ".join(str(error).split())
    text = f"{type(error).__name__}{f': {said}' if said else ''}"
    frames = list(_own_frames(error))
    if not frames:
        return text
    frame, line = frames[-1]
    return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname} (line {line}): {text}"


def _own_frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """The frames of own code in the traceback of an error, the innermost one last, each with its line."""
    own = own_packages()
    for frame, line in traceback.walk_tb(error.__traceback__):
        if package_of(frame) in own:
            yield frame, line


def _kept(error: BaseException) -> str:
    """The file that the traceback was written to; empty where it was printed, since no file can be written."""
    lines = traceback.format_exception(error)
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="mtl-error-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.writelines(lines)
        return file.name
    except OSError:
        sys.stderr.writelines(lines)
        return ""
