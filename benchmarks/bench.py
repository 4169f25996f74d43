"""What a step, batches, and the start of a program cost beside PyTorch and TorchJD, in one table: make bench

Every figure is a ratio that is taken in the rounds of this one run, of processor seconds (of batches: of a clock):

- *fit*: a step of the whole ``Trainer.fit`` to one of a plain PyTorch loop with the Adam that PyTorch has by default,
  and *(fused)* with the fused one that this project trains with (``benchmarks/step.py``);
- *heads*: a forward pass of all K heads to that of the same network with one (``benchmarks/network.py``);
- weightings: a training step of the network by hand with our weighting and fused Adam to the plain loop; TorchJD does
  the same step by ``mtl_backward`` and its aggregator, with fused Adam too (``benchmarks/weighting.py``);
- *batches*: our loader to torch's ``DataLoader`` with batches of indices (``benchmarks/loader.py``);
- *start*: until the first optimizer step of ``train.py``, to the import of torch and Lightning; *further run* in the
  same process, beside its steps, to the same (``benchmarks/start.py``).

The *small* work is 64 inputs, trunk 256-256, K = 3, 256 rows; the *large* one 512 inputs, trunk 1024-1024-1024, K = 8,
512 rows. ``--save`` keeps the figures in ``benchmarks/results``. A later run says which ratios are above all
rounds that were kept, and by more than a twentieth; it fails for none of them.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any, NamedTuple

import torch

from benchmarks import weighting
from benchmarks.measuring.results import keep, kept
from benchmarks.measuring.spread import Spread, ratios
from benchmarks.measuring.works import WORKS, overrides_of
from mtl.config.process import set_process_defaults

PARTS = ("fit", "heads", "weightings", "batches", "start")
STEPS = {"small": 200, "large": 30}  # of an epoch
METHODS = ("equal", "uncertainty", "mgda", "pcgrad", "cagrad", "nash_mtl", "upgrad")
PLACE_AIMS = {"small": {"": 2.0, "representation": 1.10}, "large": {"": 4.5, "representation": 1.0}}
FIT_AIMS = {"small": 1.10, "large": 0.95}
HEADS_AIM = 1.1
NOISE = 1.05  # a ratio that is larger by less is not called slower


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        name: what is measured.
        ours: ratios of the rounds.
        peer: TorchJD's; None: it has nothing of the kind, or is not installed.
        aim: the ratio that is wanted.
    """

    name: str
    ours: list[float]
    peer: list[float] | None = None
    aim: float | None = None


def fit(rounds: int) -> Iterator[Row]:
    """Steps of the whole training."""
    from benchmarks import step  # brings Lightning, for which the processes of the weightings need not wait

    for name, work in WORKS.items():
        base = overrides_of(work, STEPS[name], 2)
        times = step.measure_loops(base, work, 2, rounds, (step.BARE, step.DEFAULT_ADAM, step.FIT))
        processor = {loop: [one for _, one in found] for loop, found in times.items()}
        yield Row(f"{name}: fit", ratios(processor, step.DEFAULT_ADAM)[step.FIT], aim=FIT_AIMS[name])
        yield Row(f"{name}: fit (fused)", ratios(processor, step.BARE)[step.FIT])


def heads(rounds: int) -> Iterator[Row]:
    """Forward passes."""
    from benchmarks import network

    for name, work in WORKS.items():
        yield Row(f"{name}: heads", network.heads(work, rounds, 0.3), aim=HEADS_AIM)


def weightings(rounds: int) -> Iterator[Row]:
    """Steps under weightings, each in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for name, work in WORKS.items():
            for method in METHODS:
                found = pool.submit(weighting.measure, method, work, rounds, 0.1, True).result()
                peer = found.get(f"{method} TorchJD")
                if method in found:
                    yield Row(f"{name}: {method}", found[method], peer)
                else:
                    yield Row(f"{name}: {method}", found[f"{method} parameters"], peer, PLACE_AIMS[name][""])
                    place = "representation"
                    yield Row(f"{name}: {method}, {place}", found[f"{method} {place}"], None, PLACE_AIMS[name][place])


def batches(rounds: int) -> Iterator[Row]:
    """Batches of rows in memory."""
    from benchmarks import loader

    yield Row("batches", ratios(loader.measure(20_000, rounds), loader.BATCHES)[loader.OURS])


def starts(rounds: int) -> Iterator[Row]:
    """Starts of programs."""
    from benchmarks import start

    relative = ratios(start.measure(rounds), start.LIBRARIES)
    yield Row("start", relative[start.FIRST_STEP])
    yield Row("further run", relative[start.FURTHER_RUN])


def slower(row: Row, before: dict[str, Any]) -> str:
    """A sentence where a ratio is above all that were kept of it, beyond noise; else nothing."""
    known = before.get("rows", {}).get(row.name)
    if known is None:
        return ""
    now, then = Spread.of(row.ours), Spread.of(known["ours"])
    if now.low <= then.high or now.median <= then.median * NOISE:
        return ""
    return f"slower than kept: {row.name} {now}, kept {then}"


def main() -> None:
    """Measure, print the table and what is slower, and keep the figures where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    set_process_defaults()
    torch.set_num_threads(1)
    measuring = dict(zip(PARTS, (fit, heads, weightings, batches, starts), strict=True))
    missing = "" if find_spec("torchjd") else " (not installed)"
    print(f"| | ours | TorchJD{missing} | aim |\n|---|---|---|---|")
    rows = []
    for part in given.parts:
        for row in measuring[part](given.rounds):
            rows.append(row)
            peer = Spread.of(row.peer) if row.peer else ""
            print(f"| {row.name} | {Spread.of(row.ours)} | {peer} | {row.aim or ''} |", flush=True)
    before = kept("bench") or {}
    for said in filter(None, (slower(row, before) for row in rows)):
        print(said)
    if given.save:
        figures = {row.name: {"ours": row.ours, "TorchJD": row.peer, "aim": row.aim} for row in rows}
        print(f"kept in {keep('bench', {'rounds': given.rounds, 'rows': figures})}")


if __name__ == "__main__":
    main()
