"""Steps with one thread beside steps with all: python benchmarks/threads.py

A step is that of a training by hand: losses, gradients, fused Adam. Each figure is a process of its own, since how
threads wait is decided before torch is imported: *sleeping*, as this package sets it (``OMP_WAIT_POLICY=PASSIVE``), or
*spinning*, as torch has it by default, which is fast where nothing else runs and takes many times as long where
something does. In each round all ways take their turns. Milliseconds are those of a clock, medians over the rounds, of
batches of the training data; ``--busy`` programs that compute something else run beside.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measuring.results import keep
from mtl.config.system import usable_cores

ROOT = Path(__file__).parent.parent
CASES = {
    "synthetic, 256-256": ("task=synthetic", "task.features=64", "encoder.widths=[256,256]"),
    "scheduling": ("task=scheduling",),
    "scheduling, gated": ("task=scheduling", "model=gated"),
    "census": ("task=census",),
    "digits": ("task=digits",),
    "reviews": ("task=reviews",),
    "census, gated": ("task=census", "model=gated"),
    "scheduling, gated, width 96": ("task=scheduling", "model=gated", "encoder.width=96"),
    "synthetic, 512-512": ("task=synthetic", "task.features=64", "encoder.widths=[512,512]"),
    "digits, gated": ("task=digits", "model=gated"),
    "reviews, soft": ("task=reviews", "model=soft"),
    "scheduling, gated, width 128": ("task=scheduling", "model=gated", "encoder.width=128"),
    "scenes": ("task=scenes",),
    "synthetic, 3 x 1024": ("task=synthetic", "task.features=512", "encoder.widths=[1024,1024,1024]", "batch_size=512"),
}
SLEEPING, SPINNING = "PASSIVE", "ACTIVE"
WAYS = ((1, SLEEPING), (usable_cores(), SLEEPING), (usable_cores(), SPINNING))


def measure(threads: int, steps: int, overrides: list[str]) -> dict[str, float]:
    """Milliseconds of a step in this process, and the operations of the forward pass of a batch in millions."""
    import torch

    from mtl.assembly import build
    from mtl.config.compose import configure
    from mtl.training.step_threads import operations

    torch.set_num_threads(threads)
    assembly = build(configure("model=hard", "weighting=equal", *overrides))
    assembly.data.setup("fit")
    loader, step = assembly.data.loader("train", training=True), assembly.module.step
    configured: Any = assembly.module.configure_optimizers()
    optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
    batches = [batch for _, batch in zip(range(steps + 5), loader, strict=False)]
    times = []
    for batch in batches:
        started = time.perf_counter()
        optimizer.zero_grad()
        step.losses(batch, batches=1, last=True)
        step.backward(1.0)
        optimizer.step()
        step.finish()
        times.append(time.perf_counter() - started)
    return {"ms": 1e3 * median(times[5:] or times), "operations": operations(assembly) / 1e6}


def measured(threads: int, policy: str, steps: int, overrides: tuple[str, ...]) -> dict[str, float]:
    """The same in a process whose threads wait in this way."""
    command = [sys.executable, str(Path(__file__)), "--here", str(threads), str(steps), *overrides]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": policy}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print a line for each case, and keep the figures where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--busy", type=int, default=0, help="other programs that compute")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--here", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        threads, steps, *overrides = given.here
        print(json.dumps(measure(int(threads), int(steps), overrides)))
        return
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(given.busy)]
    figures: dict[str, Any] = {}
    try:
        for case in given.cases:
            rounds = [[measured(*way, given.steps, CASES[case]) for way in WAYS] for _ in range(given.rounds)]
            ms = [[one[i]["ms"] for one in rounds] for i in range(len(WAYS))]
            figures[case] = {"million operations": rounds[0][0]["operations"], "ms": ms}
            cells = "  ".join(f"{median(found):7.2f} ({min(found):.2f} to {max(found):.2f})" for found in ms)
            print(f"{case:28} {rounds[0][0]['operations']:8.0f} million {cells}", flush=True)
    finally:
        for one in others:
            one.kill()
    if given.save:
        ways = [f"{threads} threads, {policy.lower()}" for threads, policy in WAYS]
        keep("threads" if not given.busy else f"threads-{given.busy}-busy", {"ways": ways, "cases": figures})


if __name__ == "__main__":
    main()
