"""The suites of a comparison: every configuration learns from the same rows, whatever it makes of them."""

import json
from dataclasses import dataclass
from pathlib import Path

from mtl.assembly import build_suite
from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule


@dataclass(frozen=True)
class LoadedSuite:
    """A suite with its rows.

    Attributes:
        data: the suite.
        statistics: a file of what it fitted, so that networks can be built without reading its data again; None: it
            fits nothing.
    """

    data: MultiTaskDataModule
    statistics: Path | None

    @property
    def question(self) -> tuple[object, ...]:
        """What is equal where results can be compared: the data, and by task that counts what it is measured by."""
        counted = [task for task in self.data.tasks if not task.auxiliary]
        tasks = [(task.name, task.primary, task.higher_is_better) for task in counted]
        return self.data.fingerprint, *tasks


class Suites:
    """Loads each suite that a comparison needs once.

    Args:
        base: the config of the baseline, with all tasks.
        data: its suite, whose rows are loaded.
        scratch: a folder for files of statistics.
    """

    def __init__(self, base: RunConfig, data: MultiTaskDataModule, scratch: Path) -> None:
        self.config, self.scratch = base, scratch
        self._loaded: dict[str, LoadedSuite] = {}
        self.base = self._keep(base, data)

    def of(self, config: RunConfig) -> LoadedSuite:
        """The suite of a config."""
        found = self._loaded.get(_key(config))
        if found is None:
            found = self._keep(config, self._part(config) or self._load(config))
        return found

    def _part(self, config: RunConfig) -> MultiTaskDataModule | None:
        """The rows that are loaded already, for some of their tasks; None where the config has others."""
        names = [task.name for task in self.base.data.tasks]
        asked = config.tasks or names
        if config.task != self.config.task or not set(asked) <= set(names):
            return None
        data = self.base.data.part(asked)
        # Those of this config, which may be others than the base's, or none
        data.set_auxiliary([task.name for task in build_suite(config).tasks if task.auxiliary])
        return data

    def _load(self, config: RunConfig) -> MultiTaskDataModule:
        data = build_suite(config)
        data.setup("fit")
        return data

    def check(self, entry: str, config: RunConfig) -> None:
        """Raise InputError if a config of this entry has other data, tasks or metrics than the baseline."""
        keys = sorted({*config.task, *self.config.task})
        changed = [f"task.{key}" for key in keys if config.task.get(key) != self.config.task.get(key)]
        changed += [key for key in ("tasks", "auxiliary") if getattr(config, key) != getattr(self.config, key)]
        if changed and self.of(config).question != self.base.question:
            raise InputError(
                f"'{entry}' changes {changed[0]}: what is compared has to learn from the same data; "
                "compare in two comparisons, or give the override to all"
            )

    def _keep(self, config: RunConfig, data: MultiTaskDataModule) -> LoadedSuite:
        fitted, path = data.statistics(), None
        if fitted:
            path = self.scratch / f"statistics-{len(self._loaded)}.json"
            path.write_text(json.dumps(fitted), encoding="utf-8")
        self._loaded[_key(config)] = found = LoadedSuite(data, path)
        return found


def _key(config: RunConfig) -> str:
    return json.dumps([config.task, config.tasks, config.auxiliary], sort_keys=True, default=str)
