"""One network for all trade-offs beside one network for each. python experiments/preferences/run.py

Two unrelated regressions of planted truth on a perceptron of two layers of eight features: what one gains the other
loses. At each of five preferences p the figure is ``sum_k p_k (1 - R2_k)`` of the test rows, of a network that was
trained for this p alone (*apart*: five networks), of one that was trained with all tasks alike (*hard*), and of one
network that learned all preferences: ``palora`` and ``conditioned``, with the losses weighted by p (``cosmos`` with
``mu = 0``) and ``conditioned`` with the pull of ``cosmos``. 1,000 steps of Adam of 128 rows each, one learning rate;
each seed is other data, initial values and order of rows. Writes ``result.csv`` beside this file, or
where --output says.
"""

import argparse
import csv
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from experiments.sharings.run import Trained, fit, loaded, objective
from mtl.sharing.preferring import Preferring

PREFERENCES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the first task
STEPS, ROWS, PULL = 1000, 2500, 1.0


def pulled(losses: list[Tensor], preference: Tensor) -> Tensor:
    """The objective of COSMOS, scaled as the weighted sum is."""
    cosine = torch.nn.functional.cosine_similarity(preference, torch.stack(losses), 0)
    return objective(losses, preference) - PULL * len(losses) * cosine


LEARNED: dict[str, tuple[str, Callable[[list[Tensor], Tensor], Tensor]]] = {
    "palora": ("palora", objective),
    "conditioned": ("conditioned", objective),
    "conditioned, with the pull": ("conditioned", pulled),
}


def at(trained: Trained, share: float) -> float:
    """What is not explained at a preference, weighted by it."""
    p = torch.tensor([share, 1 - share])
    if isinstance(trained.sharing, Preferring):
        trained.sharing.choose(p)
    first, second = trained.errors()
    return share * first + (1 - share) * second


def measure(seed: int, steps: int = STEPS) -> dict[str, list[float]]:
    """By configuration, the figure at each preference."""
    suite = loaded(0.0, ROWS, seed, tasks=2)
    train = partial(fit, suite=suite, seed=seed, steps=steps)
    alike = train("hard")
    found = {
        "apart": [at(train("hard", preference=torch.tensor([p, 1 - p])), p) for p in PREFERENCES],
        "hard": [at(alike, p) for p in PREFERENCES],
    }
    for name, (model, goal) in LEARNED.items():
        one = train(model, objective=goal)
        found[name] = [at(one, p) for p in PREFERENCES]
    return found


def main() -> None:
    """Train everything, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    torch.set_num_threads(1)
    seeds = [measure(seed) for seed in range(given.seeds)]
    given.output.mkdir(parents=True, exist_ok=True)
    with (given.output / "result.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["configuration", *(f"p = ({p:g}, {1 - p:g})" for p in PREFERENCES), "mean", "least", "largest"]
        )
        for name in seeds[0]:
            columns = [statistics.mean(found[name][i] for found in seeds) for i in range(len(PREFERENCES))]
            means = [statistics.mean(found[name]) for found in seeds]
            row = [name, *(f"{v:.3f}" for v in (*columns, statistics.mean(means), min(means), max(means)))]
            writer.writerow(row)
            print(*row, flush=True)


if __name__ == "__main__":
    main()
