"""A line where a run that counts, or is gone on with, was trained with other own code than there is now.

Its id does not tell: a comment in a file would make all runs others.
"""

import sys

from mtl.config.run_config import RunConfig
from mtl.runs.directory import Run

_said: set[tuple[str, ...]] = set()  # modules of which this process has said it


def say_of_changed_code(run: Run, config: RunConfig, what: str = "counts") -> None:
    """Say on the error stream that modules of own code have changed since a run began, once for these modules.

    Args:
        run: that was begun, or is finished.
        config: as it would be trained now.
        what: the run does nevertheless.
    """
    changed = tuple(run.changed_code(config))
    if not changed or changed in _said:
        return
    _said.add(changed)
    sys.stderr.write(
        f"own code has changed since run '{run.path}' began: {', '.join(changed)}; it {what} nevertheless, as do "
        "others: for runs by the code as it is now, say another output=\n"
    )
