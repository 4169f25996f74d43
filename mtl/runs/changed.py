"""A line where a run that counts, or is gone on with, began with other own code, or other files for acting, than now.

Its id does not tell: a comment in a module would make all runs others.
"""

import sys

from mtl.config.run_config import RunConfig
from mtl.runs.directory import Run

_said: set[tuple[str, ...]] = set()  # modules and files of which this process has said it


def say_of_changes(run: Run, config: RunConfig, what: str = "counts") -> None:
    """Say on the error stream that own code, or a file for acting, has changed since a run began; of these once.

    Args:
        run: that was begun, or is finished.
        config: as it would be trained now.
        what: the run does nevertheless.
    """
    changed = tuple(run.changed(config))
    if not changed or changed in _said:
        return
    _said.add(changed)
    sys.stderr.write(
        f"changed since run '{run.path}' began, and not told by its id: {', '.join(changed)}; it {what} nevertheless, "
        "as do others: for runs by what is there now, say another output=\n"
    )
