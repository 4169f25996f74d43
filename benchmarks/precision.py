"""Trainings in half precision beside the same in single precision, on the processor: python benchmarks/precision.py

Work: whole runs from config to result, ``model=hard weighting=equal``, one thread. *W1* and *table* are those of
``benchmarks/replicas.py``, *large* is ``task=synthetic`` with 512 inputs and a trunk 1024-1024-1024, *digits* the suite
as it is. In each round ``hardware=cpu`` and ``hardware=cpu_bf16`` take turns, by runs one after another and, where it
is offered, at once. Figures are medians over the rounds, in seconds of the processor, of whole runs and of their steps;
ratios are those of single precision, one after another, to each other way. *score* is the mean over the runs of the
score on the test split, lower is better.

``--save`` writes all to ``benchmarks/results/precision.json``.
"""

import argparse
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from mtl.config.process import program_imports, set_process_defaults

set_process_defaults()
with program_imports():
    import torch

    from benchmarks.measuring.quiet import quiet_place
    from benchmarks.measuring.results import keep
    from benchmarks.measuring.spread import Spread
    from benchmarks.replicas import WORKS as REPLICAS
    from benchmarks.replicas import Way, at_once, draw_table, measured, one_after_another
    from mtl.config.compose import configure
    from mtl.config.run_config import RunConfig
    from mtl.config.run_result import RunResult
    from mtl.training.half_precision import bf16_instructions

LARGE = ["task=synthetic", "task.features=512", "encoder.widths=[1024,1024,1024]", "batch_size=512"]
WORKS = {
    "W1": [*REPLICAS["W1"], "task.rows=5000"],
    "large": [*LARGE, "task.rows=5000"],
    "table": REPLICAS["table"],
    "digits": ["task=digits"],
}
APART = ("large", "digits")  # a step of theirs keeps a core busy
PRECISIONS = ("cpu", "cpu_bf16")
FIGURES = ("whole", "whole, processor", "steps")  # of which ratios are said


def configs_of(work: str, hardware: str, runs: int, epochs: int, folder: Path) -> list[RunConfig]:
    """The runs of a work in one precision, which differ in their seeds."""
    overrides = [*WORKS[work], f"hardware={hardware}", "model=hard", "weighting=equal", "threads=1", "progress=false"]
    overrides += ["patience=null", "steps=null", f"epochs={epochs}"]
    if work == "table":
        draw_table(folder / "table.csv")
        overrides.append(f"task.path={folder / 'table.csv'}")
    return [configure(*overrides, f"seed={seed}") for seed in range(runs)]


def scored(configs: list[RunConfig], way: Way, scores: list[float]) -> list[RunResult]:
    """The results of doing runs in this way, whose scores on the test split are added to the list."""
    results = way(configs)
    scores += [one.metrics["test"].score for one in results]
    return results


def figures_of(work: str, runs: int, epochs: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Figures of a work, by precision and way."""
    ways: dict[str, Way] = {"one after another": one_after_another}
    if work not in APART:
        ways["at once"] = at_once
    found: dict[str, list[dict[str, float]]] = {}
    for number in range(rounds + 1):  # the first is not counted
        for hardware in PRECISIONS:
            configs = configs_of(work, hardware, runs, epochs, folder)
            for name, way in ways.items():
                scores: list[float] = []
                one = measured(partial(scored, way=way, scores=scores), configs, folder / "runs")
                if number:
                    found.setdefault(f"{hardware}, {name}", []).append(one | {"score": statistics.mean(scores)})
    base = found[f"{PRECISIONS[0]}, one after another"]
    return {
        name: {figure: statistics.median(one[figure] for one in rows) for figure in rows[0]}
        | {
            f"ratio, {figure}": sorted(first[figure] / one[figure] for first, one in zip(base, rows, strict=True))
            for figure in FIGURES
        }
        for name, rows in found.items()
    }


def main() -> None:
    """Measure, print the figures of each work, and keep them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", nargs="*", default=list(WORKS), choices=list(WORKS))
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"instructions for bfloat16: {', '.join(bf16_instructions() or ['none that torch tells of'])}", flush=True)
    figures: dict[str, Any] = {}
    for work in given.works:
        with quiet_place() as place:
            runs = 1 if work in APART else given.runs
            figures[work] = figures_of(work, runs, given.epochs, given.rounds, place)
        for name, found in figures[work].items():
            shown = ", ".join(f"{figure} {Spread.of(found[f'ratio, {figure}'])}" for figure in FIGURES)
            print(f"{work:6} {name:27} {found['whole']:6.2f} s; {shown}; score {found['score']:.4f}", flush=True)
    if given.save:
        asked = {key: value for key, value in vars(given).items() if key != "save"}
        keep("precision", {"asked": asked, "instructions for bfloat16": bf16_instructions(), "works": figures})


if __name__ == "__main__":
    main()
