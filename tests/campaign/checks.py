"""What every answer of a program has to be: in time, said in one line, without foreign code and without half files."""

from collections.abc import Iterable
from pathlib import Path

from mtl.errors import EXIT_USER_ERROR
from mtl.runs.files import PARTIAL
from tests.campaign.child import Ended

CANARY = "RAN"  # the file that foreign code would make
NEVER_SAID = ("Traceback (most recent call last)", "Fatal Python error", "Exception ignored", "Warning:")


class Failed(Exception):
    """A case did not hold.

    Args:
        what: one word: traceback, hang, code, lines, files, half, foreign, different, lost, doubled.
        detail: what was seen.
    """

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what}: {detail}")


def require(what: str, holds: object, detail: object) -> None:
    """Raise Failed where something does not hold."""
    if not holds:
        raise Failed(what, str(detail)[:2000])


def check_said(ended: Ended, place: Path, codes: Iterable[int]) -> None:
    """Check how a program ended.

    Args:
        ended: that.
        place: its working directory.
        codes: exit codes that are right; with that of a user's mistake the last line is the message.

    Raises:
        Failed: it did not end, ran foreign code, or said more or other things than it may.
    """
    require("hang", ended.code is not None, f"not ended after {ended.seconds:.0f} s: {ended.err[-500:]}")
    require("foreign", not list(place.rglob(CANARY)), f"{CANARY} was made")
    for text in NEVER_SAID:
        require("traceback", text not in ended.err + ended.out, ended.err[-1500:] or ended.out[-1500:])
    require("code", ended.code in codes, f"exit code {ended.code}: {ended.err[-800:]}")
    if ended.code == EXIT_USER_ERROR:
        lines = ended.err.splitlines()
        said = [line for line in lines if line.startswith("error: ")]
        require("lines", len(said) == 1 and said[0] == lines[-1] and len(lines) < 4, ended.err[-800:])


def files_of(place: Path) -> dict[str, tuple[int, int]]:
    """Every file below a directory, with its size and the time of its last change; not what a program said."""
    return {
        str(path.relative_to(place)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in place.rglob("*")
        if path.is_file() and path.name not in ("stdout", "stderr", ".clock")
    }


def check_nothing_written(before: dict[str, tuple[int, int]], place: Path) -> None:
    """Check that a program which refused has left every file as it was."""
    after = files_of(place)
    changed = sorted(set(before.items()) ^ set(after.items()))
    require("files", not changed, f"a refused command has changed {changed[:4]}")


def check_whole(place: Path) -> None:
    """Check that no file is there in part, and no lock is left."""
    left = [path for path in place.rglob("*") if PARTIAL.match(path.name) or path.name == "lock"]
    require("half", not left, f"left behind: {[str(path.relative_to(place)) for path in left]}")
