"""Which package's code raised an error."""

import traceback
from collections.abc import Collection
from types import FrameType


def package_of(frame: FrameType) -> str:
    """The package whose code a frame runs."""
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def raised_by(error: BaseException, packages: Collection[str]) -> bool:
    """Whether code of these packages raised an error itself, not what it called or what was called around it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and package_of(frames[-1]) in packages
