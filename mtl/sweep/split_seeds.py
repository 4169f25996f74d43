"""The data of each seed of a comparison: the same rows, or a split of its own."""

import json
from dataclasses import dataclass
from typing import Any

from mtl.assembly import build_suite
from mtl.config.run_config import RunConfig
from mtl.config.study import Study
from mtl.errors import InputError
from mtl.suites.split_checks import check_labels
from mtl.sweep.entries import with_split_seed


@dataclass(frozen=True)
class Split:
    """The data of one seed.

    Attributes:
        task: the config of its suite.
        fingerprint: of the data.
    """

    task: dict[str, Any]
    fingerprint: str


class Splits:
    """Makes the split of each seed once.

    Args:
        study: what is asked.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._splits: dict[tuple[str, int], Split] = {}

    def of(self, config: RunConfig, seed: int) -> Split:
        """The data of a config with a seed that has a split of its own."""
        key = json.dumps(config.task, sort_keys=True, default=str), seed
        if key not in self._splits:
            task = with_split_seed(config.task, seed)
            try:
                data = build_suite(config.changed(task=task))
                data.setup("fit")
                check_labels(data.splits, data.tasks)
            except InputError as error:  # of these rows, such as a class that none of them has
                raise InputError(f"data=resplit, the split of seed {seed}: {error}") from None
            self._splits[key] = Split(task, data.fingerprint)
        return self._splits[key]

    def check(self, config: RunConfig) -> None:
        """Raise InputError if the rows cannot be divided anew for a seed that may be needed, however late."""
        if self.study.data == "fixed":
            return
        for seed in dict.fromkeys([*self.study.screening_seeds, *self.study.deciding_seeds]):
            self.of(config, seed)
