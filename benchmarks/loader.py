"""Rows per second of our loader beside torch's DataLoader on the same rows: python benchmarks/loader.py

Work: 64 inputs and three tasks, rows in memory, batches of 256, shuffled in every epoch. The DataLoader is measured
as most programs use it (rows one by one, then collated), and as it can be used at best (whole batches of indices). Each
is run in turn for several rounds; the figures are medians, of wall-clock seconds.

With ``--large N``: how much memory a table of N generated rows takes with ``task.stream=true``, and how fast it is.
"""

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow
import torch
from pyarrow import parquet
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from mtl.nn.encoder import SINGLE
from mtl.suites.batch import Split
from mtl.suites.loader import InMemoryLoader
from mtl.suites.table import table

FEATURES, TASKS, BATCH = 64, 3, 256
OURS, BATCHES = "ours: whole batches by indexing", "DataLoader, batches of indices"


class Rows(TensorDataset):
    """Rows by index, as a tuple of inputs and targets; a list of indices gives a batch."""

    def __getitem__(self, index: int | list[int]) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)


def seconds(batches: Iterable[object]) -> float:
    """How long it takes to go through all batches."""
    started = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - started


def measure(count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of going through so many rows by each loader, one for each round."""
    inputs = torch.randn(count, FEATURES)
    targets = {f"task{i}": torch.randn(count) for i in range(TASKS)}
    rows = Rows(inputs, *targets.values())
    ours = InMemoryLoader(Split({SINGLE: inputs}, targets), BATCH, shuffle=True)
    loaders: dict[str, Callable[[], Iterable[object]]] = {
        OURS: lambda: ours,
        BATCHES: lambda: DataLoader(
            rows, sampler=BatchSampler(RandomSampler(rows), BATCH, drop_last=False), batch_size=None
        ),
        "DataLoader, row by row": lambda: DataLoader(rows, batch_size=BATCH, shuffle=True),
    }
    found: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(rounds):
        for name, make in loaders.items():
            found[name].append(seconds(make()))
    return found


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Rows per second of loaders")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large", type=int, metavar="N", help="rows of a table larger than memory, instead")
    options = parser.parse_args()
    if options.large:
        large(options.large)
        return
    torch.set_num_threads(1)
    found = measure(options.rows, options.rounds)
    table = Table(title=f"{options.rows:,} rows of {FEATURES} inputs and {TASKS} tasks, batches of {BATCH}, one thread")
    for column in ("loader", "rows/s", "seconds per 100 steps", "relative"):
        table.add_column(column, justify="left" if column == "loader" else "right")
    best = statistics.median(next(iter(found.values())))
    steps = -(-options.rows // BATCH)
    for name, times in found.items():
        median = statistics.median(times)
        table.add_row(name, f"{options.rows / median:,.0f}", f"{median / steps * 100:.4f}", f"{median / best:.1f} x")
    Console().print(table)


def large(rows: int) -> None:
    """Write a Parquet file of ``rows`` generated rows, encode it, serve an epoch of it; all in little memory."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MTL_CACHE"] = folder
        path = Path(folder) / "large.parquet"
        generate(path, rows)
        before = memory()
        started = time.perf_counter()
        suite = table(str(path), {"churn": "binary", "spend": "regression", "segment": "classes"}, stream=True)
        suite.configure_batches(4096, seed=0)
        suite.setup("fit")
        encoding = time.perf_counter() - started
        epoch = seconds(suite.train_dataloader())
        found = Table(title=f"{rows:,} rows from a Parquet file of {path.stat().st_size / 2**20:,.0f} MiB")
        for column in (
            "first read and encoding",
            "an epoch of training rows",
            "memory before",
            "most memory, mapped files included",
        ):
            found.add_column(column, justify="right")
        found.add_row(f"{encoding:.1f} s", f"{epoch:.1f} s", f"{before:,.0f} MiB", f"{memory():,.0f} MiB")
        Console().print(found)


def generate(path: Path, rows: int, piece: int = 500_000) -> None:
    """Ten numbers, two categories, three targets."""
    draw = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, piece):
        n = min(piece, rows - start)
        x = draw.normal(size=(n, 10)).astype(np.float32)
        columns = {f"x{i}": x[:, i] for i in range(10)}
        columns["city"] = np.array(["Oslo", "Lima", "Rome", "Bern"])[draw.integers(4, size=n)]
        columns["plan"] = np.array(["small", "large"])[draw.integers(2, size=n)]
        columns["churn"] = (x[:, 0] > 0).astype(np.int8)
        columns["spend"] = x[:, 1] * 10 + 100
        columns["segment"] = np.array(["a", "b", "c"])[(x[:, 2] > 0).astype(int) + (x[:, 3] > 0)]
        batch = pyarrow.table(columns)
        writer = writer or parquet.ParquetWriter(path, batch.schema)
        writer.write_table(batch)
    if writer:
        writer.close()


def memory() -> float:
    """Most memory this process has had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
