"""A table larger than memory: read from Parquet piece by piece, encoded once, served from memory-mapped files."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow
import torch
from pyarrow import parquet
from torch import Tensor
from typing_extensions import override

from mtl.config.home import expanded
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs
from mtl.runs.files import read_json, write_json
from mtl.suites.base import HELD_OUT, MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.suites.loader import InMemoryLoader, measured_at_once
from mtl.suites.sources.cache import cache_directory, file_lock, make_directory
from mtl.suites.table.named import named_as
from mtl.suites.table.preview import preview
from mtl.suites.table.reading import one_line, plain, unique
from mtl.suites.table.splitting import PARTS, Division, Rows, Splitting
from mtl.suites.table.suite import TableSuite, Targets, check_batch
from mtl.suites.table.types import typed

PIECE = 65_536  # rows in memory at a time
SAMPLE = 200_000  # rows from which kinds and statistics are taken
INPUTS = "inputs"
CHUNK = 2**20  # bytes of a file that are looked at together


@dataclass(frozen=True)
class Drawn(Division):
    """Rows whose part was drawn before."""

    parts: np.ndarray
    columns: tuple[str, ...] = ()

    def rows(self, frame: pd.DataFrame) -> Rows:
        """Row numbers of each part."""
        return {name: np.flatnonzero(self.parts == i) for i, name in enumerate(PARTS)}

    def row_groups(self, frame: pd.DataFrame) -> None:
        """Rows are independent."""


class LargeTable(MultiTaskDataModule):
    """Tasks over the columns of a Parquet file that need not fit into memory.

    Like :class:`~mtl.suites.table.TableSuite`, with these differences: the split is random, row by row. Kinds and
    statistics come from a random sample of about 200,000 rows, the statistics from those of them that are training
    rows; a class or category that the sample does not hold counts as missing. All rows are encoded once, into files in
    the cache whose name is a hash of the table's content and of what was fitted; later runs, and all processes of one,
    map them into memory. The training rows are measured by 200,000 of them.

    Args:
        path: the file.
        targets: what to predict; see :func:`~mtl.suites.table.target_specs.parse_targets`.
        columns: kinds of columns that are not as inferred; see :class:`~mtl.suites.table.TableSuite`.
        splitting: a random one.
        categories: most values of a category that get an indicator of their own.
        statistics: file of what a run fitted, to be repeated.
        formats: how the times or numbers of columns are written, where the file does not decide it.
        numbers: ``standard``, ``quantile`` or ``robust``; see :class:`~mtl.suites.table.TableSuite`.

    Raises:
        InputError: another format or way to split; whatever is wrong with the sample.
    """

    def __init__(
        self,
        path: Path,
        targets: Targets,
        columns: Mapping[str, str] | None = None,
        splitting: Splitting | None = None,
        categories: int = 50,
        statistics: str | None = None,
        formats: Mapping[str, str] | None = None,
        numbers: str = "standard",
    ) -> None:
        super().__init__()
        self.path, self.splitting = expanded(path), splitting or Splitting()
        if self.splitting.by != "random":
            raise InputError(f"task.stream=true divides rows at random only, not by {self.splitting.by}")
        if self.splitting.groups:
            raise InputError("task.stream=true takes rows to be independent: task.split.groups needs task.stream=false")
        if self.splitting.folds is not None:
            raise InputError(
                "task.stream=true draws the test rows one by one: task.split.folds needs task.stream=false"
            )
        sample, parts = self._sample() if statistics is None else (pd.DataFrame(), np.array([], dtype=int))
        self.fitted = TableSuite(
            lambda: sample,
            targets,
            columns,
            Drawn(parts),
            categories,
            statistics,
            formats=formats,
            numbers=numbers,
            by_column=True,
        )
        for target in self.fitted.targets:
            if target.kind == "survival":
                raise InputError(
                    f"task.stream=true keeps one number of a label: '{target.column}' of kind survival has two"
                )
        self.notes = self.fitted.notes
        self.tasks, self.input_shape = self.fitted.tasks, self.fitted.input_shape
        self.reordered = self.fitted.reordered
        self._hash = ""

    def statistics(self) -> dict[str, object]:
        """Targets and encoding."""
        return self.fitted.statistics()

    def preview(self) -> str:
        """Columns of the sample, targets and splits."""
        learned = {task.name for task in self.tasks}
        targets = [target for target in self.fitted.targets if target.task in learned]
        return preview(self.fitted.frame, self.fitted.remarks, self.fitted.encoding, targets, self.splits)

    def inputs(self, frame: pd.DataFrame) -> Inputs:
        """New rows as the network reads them, ``x [N, F]``."""
        return self.fitted.inputs(frame)

    @property
    @override
    def parts(self) -> dict[str, tuple[str, ...]]:
        return self.fitted.parts

    @override
    def unfamiliar(self, frame: pd.DataFrame) -> list[str]:
        return self.fitted.unfamiliar(frame)

    @override
    def own_units(self, task: str, values: Tensor) -> list[float]:
        return self.fitted.own_units(task, values)

    @override
    def measured(self, split: str) -> InMemoryLoader:
        """The batches by which a split is measured: of the training rows, SAMPLE at random.

        Metrics such as AUROC keep what was predicted for every row. Validation and test rows are measured all.
        """
        rows = self.splits[split]
        if split != "train" or len(rows) <= SAMPLE:
            return self.loader(split)
        order = np.random.default_rng(self.splitting.seed).choice(len(rows), SAMPLE, replace=False)
        return InMemoryLoader(rows.rows(torch.from_numpy(np.sort(order))), measured_at_once(rows))

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """Values of the targets that are no numbers."""
        return self.fitted.values

    @property
    def fingerprint(self) -> str:
        """Hash of the file's content, of how its rows are divided, and of the encoding."""
        if not self._hash:
            with self.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
            # Whether times say their zone stands in the file
            fitted = {name: found for name, found in self.statistics().items() if name != "zones"}
            encoding = fitted | {"targets": [target.labels for target in self.fitted.targets]}
            digest.update(repr((self.splitting, encoding)).encode())
            self._hash = digest.hexdigest()[:16]
        return self._hash

    def pieces(self) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        """The rows, some at a time, numbered as in the file, and the part of each: 0 train, 1 val, 2 test."""
        shares = np.cumsum([1 - self.splitting.val - self.splitting.test, self.splitting.val])
        start = 0
        try:
            with parquet.ParquetFile(self.path) as file:
                unique(file.schema_arrow.names, self.path)
                for number, piece in enumerate(file.iter_batches(PIECE)):
                    frame = plain(piece)
                    frame.index = pd.RangeIndex(start, start + len(frame))
                    start += len(frame)
                    draws = np.random.default_rng((self.splitting.seed, number)).random(len(frame))
                    yield frame, np.searchsorted(shares, draws, side="right")
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"'{self.path}' cannot be read as Parquet: {one_line(error)}") from None

    def _sample(self) -> tuple[pd.DataFrame, np.ndarray]:
        try:
            total = parquet.read_metadata(self.path).num_rows
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"'{self.path}' cannot be read as Parquet: {one_line(error)}") from None
        if not total:
            raise InputError(f"'{self.path}' has no rows")
        draw = np.random.default_rng(self.splitting.seed)
        frames, parts = [], []
        for frame, part in self.pieces():
            kept = draw.random(len(frame)) < SAMPLE / total
            frames.append(frame[kept])
            parts.append(part[kept])
        return pd.concat(frames), np.concatenate(parts)

    def load(self) -> dict[str, Split]:
        """The encoded rows, mapped; encoded first if they are not in the cache or the files there are damaged."""
        folder = cache_directory() / "tables" / self.fingerprint
        make_directory(folder.parent)
        with file_lock(folder.with_suffix(".lock")):
            if not complete(folder, [f"{part}.{name}" for part in PARTS for name in self._arrays]):
                shutil.rmtree(folder, ignore_errors=True)
                self._encode(folder)
        rows = read_json(folder / "rows.json")
        check_batch(rows["train"], self.batch_size)
        splits = {}
        for part in PARTS:
            targets = {
                target.task: mapped(folder / f"{part}.{name}", rows[part], target.kind)
                for target, name in zip(self.fitted.targets, self._arrays[1:], strict=True)
            }
            width = len(self.fitted.encoding.features)
            inputs = mapped(folder / f"{part}.{INPUTS}", rows[part] * width, INPUTS).view(rows[part], width)
            splits[part] = Split({SINGLE: inputs}, targets)
            for target in self.fitted.targets:
                if part == "train" or target.task in self.main:  # else it need not be measured
                    target.check(targets[target.task], part)
        return splits

    @override
    def check_batch_size(self) -> None:
        check_batch(sum(len(self.splits[name]) for name in ("train", HELD_OUT) if name in self.splits), self.batch_size)

    @property
    def _arrays(self) -> list[str]:
        """What is written of every part, and is the end of its file's name: inputs, then labels by number of the task.

        Not by the name of the task, which may be that of the inputs, or differ from another one in capitals only.
        """
        return [INPUTS, *map(str, range(len(self.fitted.targets)))]

    def _encode(self, folder: Path) -> None:
        """Write every part's inputs and labels, whole or not at all."""
        rows = dict.fromkeys(PARTS, 0)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for raw, parts in self.pieces():
                frame = typed(named_as(raw, self.fitted.table.named), self.fitted.table.types or {})
                for target in self.fitted.targets:
                    target.check_values(frame)
                arrays = [self.fitted.encoding.encode(frame).numpy()]
                arrays += [target.encode(frame).numpy() for target in self.fitted.targets]
                for number, part in enumerate(PARTS):
                    chosen = parts == number
                    rows[part] += int(chosen.sum())
                    for name, values in zip(self._arrays, arrays, strict=True):
                        with (temporary / f"{part}.{name}").open("ab") as file:
                            file.write(values[chosen].tobytes())
            sums = {path.name: checksum(path) for path in temporary.iterdir()}
            write_json(temporary / "rows.json", {**rows, "checksums": sums})
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def complete(folder: Path, names: Sequence[str]) -> bool:
    """Whether every file of the encoded table is there and undamaged; ``names`` are those of the files."""
    try:
        sums = read_json(folder / "rows.json")["checksums"]
        return set(sums) == set(names) and all(checksum(folder / name) == sums[name] for name in names)
    except (InputError, OSError, KeyError):
        return False


def checksum(path: Path) -> int:
    """CRC-32 of a file: against damage, not against malice, and several times faster than a cryptographic hash."""
    value = 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            value = crc32(piece, value)
    return value


def mapped(path: Path, size: int, kind: str) -> Tensor:
    """A file as a tensor ``[size]`` whose pages are read when they are used."""
    dtype = torch.int64 if kind in ("classes", "ordinal") else torch.float32
    return torch.from_file(str(path), shared=False, size=size, dtype=dtype)
