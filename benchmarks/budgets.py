"""Whether runs are trained to the end, by suite: python benchmarks/budgets.py credit jobs --seeds 3

Each suite is trained three times with every seed: for a fixed number of epochs along a cosine, as its budget; with its
defaults, where patience may end it; and with three times its patience and steps. The defaults suffice where the third
gives no better validation score than the second. What else is typed, such as ``task.rows=649`` or ``model=gated``, is
for all of them.
"""

import argparse
import os
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory

from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.config.run_result import RunResult
from mtl.lifecycle.train import train

# Epochs that suites were trained along a cosine before patience ended a training
FIXED = {"census": 5, "digits": 10, "flights": 3, "reviews": 8, "scenes": 8, "scheduling": 8}
FEW = 20  # of all others
PLAIN = ("model=hard", "weighting=equal", "execution=none", "progress=false", "threads=1")


def budgets(suite: str, given: list[str]) -> dict[str, list[str]]:
    """What is typed for each of the three trainings."""
    default = configure(f"task={suite}", *PLAIN, *given)
    longer = [f"epochs={3 * default.epochs}"]
    longer += [
        f"{key}={3 * value}" for key, value in (("steps", default.steps), ("patience", default.patience)) if value
    ]
    fixed = ["scheduler=cosine", "patience=null", "steps=null", "validate_every=1", f"epochs={FIXED.get(suite, FEW)}"]
    return {"fixed": [*given, *fixed], "default": given, "3 x": [*given, *longer]}


def run(suite: str, seed: int, given: list[str], output: Path) -> RunResult:
    """The result of one training."""
    result = train(configure(f"task={suite}", *PLAIN, *given, f"seed={seed}", f"output={output}"))
    assert result is not None
    return result


def score(result: RunResult) -> float:
    """What the budget is judged by: the geometric mean of the tasks' losses in validation, lower being better."""
    found = result.metrics["val"].score
    assert found is not None
    return float(found)


def cells(results: list[RunResult]) -> str:
    """Mean validation score, optimizer steps, seconds, and how many runs the budget has ended."""
    scores, steps = fmean(map(score, results)), fmean(result.steps for result in results)
    ended = sum(result.selection.still_improving for result in results)
    return f"{scores:.4f} | {steps:.0f} | {fmean(result.seconds.fit for result in results):.0f} | {ended}"


def line(suite: str, seeds: int, given: list[str], output: Path) -> str:
    """A line of the table."""
    found = {
        name: [run(suite, seed, typed, output / name) for seed in range(seeds)]
        for name, typed in budgets(suite, given).items()
    }
    changes = [
        100 * (score(long) / score(short) - 1) for short, long in zip(found["default"], found["3 x"], strict=True)
    ]
    noise = f" +- {stdev(changes) / len(changes) ** 0.5:.2f}" if len(changes) > 1 else ""
    what = " ".join([f"`{suite}", *given]) + "`"
    return f"| {what} | {' | '.join(map(cells, found.values()))} | {fmean(changes):+.2f}{noise} |"


def main() -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(description="Whether runs are trained to the end")
    parser.add_argument("suites", nargs="+", help="suites, and overrides such as model=gated for all of them")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_intermixed_args()
    set_process_defaults()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print("| suite | fixed: score | steps | s | still improving " + "| default | | | | 3 x | | | | change in % |")
    print("|---" * 14 + "|")
    given = [text for text in options.suites if "=" in text]
    with TemporaryDirectory() as output:
        for suite in options.suites:
            if suite not in given:
                print(line(suite, options.seeds, given, Path(output) / suite), flush=True)


if __name__ == "__main__":
    main()
