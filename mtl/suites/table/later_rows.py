"""Files of rows that came after those of a suite that has rows of its own, and what they are for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from mtl.errors import InputError, unknown
from mtl.suites.table.source import read_source

OPTION = "task.later"
USES = ("after", "alone", "test")


@dataclass(frozen=True)
class LaterRows:
    """Rows of files with the columns that the suite's own rows have.

    Attributes:
        paths: of the files, in the order in which they came.
        use: of the rows of the last file. ``after``: half of them are trained on beside all rows of before, a quarter
            each is the validation and the test; ``alone``: the same without the suite's own rows; ``test``: they are
            the test. Those of other files are trained on.
    """

    paths: tuple[str, ...]
    use: str

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> "LaterRows | None":
        """What a config says of them.

        Args:
            given: ``path``, a file or a list of files, and ``use``, which is ``after`` if nothing is said; None: there
                are no such rows.

        Returns:
            It.

        Raises:
            InputError: something else.
        """
        if given is None:
            return None
        if not isinstance(given, Mapping) or not given.get("path"):
            raise InputError(f"{OPTION}={given}: expected a file, such as {{path: later.csv}}")
        for key in given:
            if key not in ("path", "use"):
                raise unknown(f"key of {OPTION}", str(key), ("path", "use"))
        use = str(given.get("use", "after"))
        if use not in USES:
            raise unknown(f"use in {OPTION}", use, USES)
        path = given["path"]
        return cls(tuple(map(str, path)) if isinstance(path, list | tuple) else (str(path),), use)

    def readers(self) -> list[Callable[[], pd.DataFrame]]:
        """What gives the rows of each file."""
        return [partial(read_source, path, option=f"{OPTION}.path") for path in self.paths]
