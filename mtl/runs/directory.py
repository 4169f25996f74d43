"""The run ledger: where a run lives, its id, and its result. Everything is written whole or not at all.

``<output>/runs/<task>/<model>-<weighting>/<run id>/`` holds::

    config.yaml    the resolved config, the run's truth
    state          one word: running, done, failed or interrupted
    statistics.json  what the suite fitted on the training rows, for suites that do
    affinity.json  what grouping=auto measured, and the groups that follow; affinity.png shows it
    best.ckpt      the checkpoint selected on validation     (tensors and plain values only)
    last.ckpt      the checkpoint of the last finished epoch (from here ``resume=<run>`` goes on)
    logs/          TensorBoard events and metrics.csv
    result.json    what came of it; see docs/result.md
"""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from mtl.errors import InputError
from mtl.runs.files import make_unique_directory, write_text
from mtl.runs.identity import run_id

SCHEMA = 1


def run_path(config: Mapping[str, Any]) -> Path:
    """Where the first run of this config goes."""
    chosen = config["choices"]
    return Path(config["output"], "runs", chosen["task"], f"{chosen['model']}-{chosen['weighting']}", run_id(config))


def finished(first: Path) -> list[Path]:
    """Directories with a result of the config whose first run goes to ``first``: that one, and ``-2``, ``-3``, ..."""
    places = sorted((*first.parent.glob(first.name), *first.parent.glob(f"{first.name}-*")))
    return [place for place in places if (place / "result.json").is_file()]


class Run:
    """One run's directory.

    Attributes:
        path: the directory.
        id: its run id.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @classmethod
    def create(cls, config: Mapping[str, Any]) -> "Run":
        """A new directory for this config. The same config run again gets ``<id>-2``, ``<id>-3``, ...: nothing is
        overwritten. InputError if no directory can be made there.
        """
        return cls(make_unique_directory(run_path(config)))

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """An existing run. InputError if there is no such run."""
        path = Path(path)
        if not path.is_dir():
            raise InputError(f"no run at '{path}': expected a run directory such as outputs/runs/<task>/<model>/<id>")
        if not (path / "config.yaml").is_file():
            raise InputError(f"'{path}' is no run directory: it has no config.yaml")
        return cls(path.resolve())

    @property
    def best(self) -> Path:
        """Checkpoint selected on validation."""
        return self.path / "best.ckpt"

    @property
    def last(self) -> Path:
        """Checkpoint of the last finished epoch."""
        return self.path / "last.ckpt"

    @property
    def statistics(self) -> Path | None:
        """What the suite fitted on the training rows; None if it fits nothing."""
        path = self.path / "statistics.json"
        return path if path.is_file() else None

    @property
    def logs(self) -> Path:
        """Where loggers write."""
        return self.path / "logs"

    @property
    def state(self) -> str:
        """running, done, failed or interrupted; empty before anything happened."""
        path = self.path / "state"
        return path.read_text(encoding="utf-8").strip() if path.is_file() else ""

    @state.setter
    def state(self, value: str) -> None:
        write_text(self.path / "state", value + "\n")

    @property
    def result(self) -> dict[str, Any]:
        """What came of the run. InputError if it has not finished or the file is damaged."""
        path = self.path / "result.json"
        if not path.is_file():
            raise InputError(f"run '{self.path}' has no result.json: its state is '{self.state or 'unknown'}'")
        return _read(path)

    @property
    def affinity(self) -> dict[str, Any] | None:
        """What ``grouping=auto`` measured, and the groups that follow; None if nothing was. InputError if the file is
        damaged.
        """
        path = self.path / "affinity.json"
        return _read(path) if path.is_file() else None

    @affinity.setter
    def affinity(self, found: Mapping[str, Any]) -> None:
        write_text(self.path / "affinity.json", json.dumps(found, indent=2) + "\n")

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the result, then say that the run is done. Numbers that are not finite become null, for JSON."""
        text = json.dumps(_finite(result), indent=2, default=str, allow_nan=False)
        write_text(self.path / "result.json", text + "\n")
        self.state = "done"


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"'{path}' is damaged: {error}") from None
    return found


def _finite(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _finite(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_finite(value) for value in node]
    return None if isinstance(node, float) and not isfinite(node) else node


def newest(output: str | Path) -> Run:
    """The run under ``output`` that finished last. InputError if there is none."""
    results = sorted(Path(output).glob("runs/*/*/*/result.json"), key=lambda path: path.stat().st_mtime)
    if not results:
        raise InputError(f"no finished run under '{output}': train one first, or name one with run=<run directory>")
    return Run.open(results[-1].parent)
