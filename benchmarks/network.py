"""Forward passes of K heads beside one, and the compiled network beside itself: python benchmarks/network.py

- *heads*: the network of ``model=hard`` with K heads, predicting a batch, relative to the same with one head;
- *compiled*: a whole step (forward pass, losses, backward pass, fused Adam) of the network with ``compile=true``
  relative to the same step without, and the seconds until the first compiled step was done.

The works are those of ``benchmarks/step.py``. All in one process by turns, one thread; processor seconds, medians over
the rounds. Compiling takes other processes, so its seconds are those of a clock. ``--models`` compiles other sharing
strategies, too.
"""

import argparse
import time
from collections.abc import Callable

import torch

from benchmarks.measuring.spread import Spread, ratios
from benchmarks.measuring.turns import seconds_by_turns
from benchmarks.measuring.works import WORKS, Work, overrides_of
from mtl.assembly import Assembly, build
from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.suites.batch import Batch


def assembled(*overrides: str) -> tuple[Assembly, Batch]:
    """The objects of a run, and its first batch."""
    assembly = build(configure(*overrides))
    assembly.data.setup("fit")
    return assembly, next(iter(assembly.data.loader("train", training=True)))


def predicting(*overrides: str) -> Callable[[], object]:
    """A forward pass."""
    assembly, batch = assembled(*overrides)
    return lambda: assembly.module.network(batch.inputs)


def training(*overrides: str) -> Callable[[], object]:
    """A step."""
    assembly, batch = assembled(*overrides)
    step, optimizer = assembly.module.step, assembly.module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Optimizer)

    def call() -> None:
        step.losses(batch, batches=1, last=True)
        optimizer.zero_grad()
        step.backward(1.0)
        optimizer.step()
        step.finish()

    return call


def heads(work: Work, rounds: int, seconds: float) -> list[float]:
    """Ratios of a forward pass with K heads to one with a single head."""
    base = overrides_of(work, 2, 1)
    contestants = {"all": predicting(*base), "one": predicting(*base, "task.num_tasks=1")}
    return ratios(seconds_by_turns(contestants, rounds, seconds), "one")["all"]


def compiled(work: Work, model: str, rounds: int, seconds: float) -> tuple[float, float, list[float]]:
    """Seconds until the first compiled step was done, those of a step, and ratios of a compiled step to another."""
    base = [*overrides_of(work, 2, 1), f"model={model}"]
    contestants = {"eager": training(*base), "compiled": training(*base, "compile=true")}
    started = time.perf_counter()
    contestants["compiled"]()
    first = time.perf_counter() - started
    times = seconds_by_turns(contestants, rounds, seconds)
    return first, min(times["eager"]), ratios(times, "eager")["compiled"]


def main() -> None:
    """Print a line for each work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", nargs="*", choices=WORKS, default=list(WORKS))
    parser.add_argument("--models", nargs="*", default=["hard"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each contestant in each round")
    parser.add_argument("--no-compile", action="store_true", help="heads alone")
    given = parser.parse_args()
    set_process_defaults()
    torch.set_num_threads(1)
    for name in given.works:
        work = WORKS[name]
        print(f"{name}: {work[2]} heads / one {Spread.of(heads(work, given.rounds, given.seconds))}", flush=True)
        for model in given.models if not given.no_compile else ():
            first, step, found = compiled(work, model, given.rounds, given.seconds)
            saved = 1 - Spread.of(found).median
            pays = f", pays after {first / step / saved:,.0f} steps" if saved > 0 else ""
            print(f"{name}: {model} compiled / not {Spread.of(found)}, {first:.0f} s to compile{pays}", flush=True)


if __name__ == "__main__":
    main()
