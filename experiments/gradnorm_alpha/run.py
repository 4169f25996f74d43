"""Which alpha for GradNorm? Every suite beside equal weights. python experiments/gradnorm_alpha/run.py

Each suite is trained as its config says but for less: at most 4,000 training rows and 2,000 validation rows, a fixed
number of steps, the learning rate falling to zero over them. GradNorm with its other options as in
``conf/weighting/gradnorm.yaml``, on the models *hard* and *gated*; each seed is other initial values, another order of
rows and other rows of those the suite has.

What counts is the mean gain of the tasks over equal weights with the same model and seed, on the validation rows after
the last step: of each task's primary metric the change relative to that of equal weights, of R2 the difference.
``least weight`` is the smallest effective weight of a task in the last step, as a share of the mean weight. Writes
``result.csv`` (every run) beside this file, or where --output says.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from pathlib import Path

import torch

from mtl.assembly import build_with_data
from mtl.config.compose import configure
from mtl.config.factories import instantiate_node
from mtl.module.lightning import silent_lightning
from mtl.suites.base import MultiTaskDataModule
from mtl.tasks import Task
from mtl.training.probe_trainer import probe_trainer

ALPHAS = (0.0, 0.06, 0.12, 0.25, 0.5, 1.0, 1.5)
FIRST_BATCH = (0.12, 1.5)  # alphas that are also tried with the losses of the first batch
TRAIN, VAL = 4000, 2000
SMALL = ("encoder.widths=[64,32]", "optimizer.lr=0.003")


@dataclass(frozen=True)
class Work:
    """A suite, how much of it, and how many seeds of each model.

    ``first_batch``: on *hard* also with the losses of the first batch as initial losses.
    """

    overrides: tuple[str, ...]
    steps: int = 150
    batch: int = 128
    hard: int = 3
    gated: int = 3
    first_batch: bool = False


SUITES = {
    "related": Work(("task=synthetic", "task.relatedness=0.9", *SMALL)),
    "unrelated": Work(("task=synthetic", "task.relatedness=0", "task.conflict=0.3", *SMALL)),
    "unlike": Work(("task=synthetic", "task.scale_ratio=100", *SMALL)),
    "few_labels": Work(("task=synthetic", "task.relatedness=0.9", "task.missing=0.8", *SMALL)),
    "mixed": Work(
        ("task=synthetic", "task.kinds=mixed", "task.imbalance=4", *SMALL), hard=2, gated=1, first_batch=True
    ),
    "credit": Work(("task=credit",), hard=2, gated=1, first_batch=True),
    "jobs": Work(("task=jobs",), hard=2, gated=2),
    "flights": Work(("task=flights",), hard=2, gated=1),
    "census": Work(("task=census",), hard=1, gated=0),
    "reviews": Work(("task=reviews", "task.vocabulary=500"), hard=1, gated=0),
    "digits": Work(("task=digits",), hard=1, gated=0),
    "scenes": Work(("task=scenes", "task.rows=2000"), 80, 64, hard=1, gated=0),
    "scheduling": Work(("task=scheduling",), 300, hard=2, gated=1, first_batch=True),
}


@dataclass(frozen=True)
class Outcome:
    """Of one training: each task's primary metric, and the smallest weight as a share of the mean."""

    metrics: dict[str, float]
    least_weight: float


def loaded(work: Work) -> MultiTaskDataModule:
    """The suite with all its rows."""
    config = configure(*work.overrides)
    data: MultiTaskDataModule = instantiate_node(config.task, "task")
    data.setup("fit")
    return data


def part_of(data: MultiTaskDataModule, seed: int) -> MultiTaskDataModule:
    """The same suite with some of its rows, drawn by the seed; with all of them where they are of several tables."""
    part = data.part([task.name for task in data.tasks])
    if data.sources > 1:  # whose loader knows which rows are of which table
        return part
    draw = torch.Generator().manual_seed(seed)
    for name, most in (("train", TRAIN), ("val", VAL)):
        rows = part.splits[name]
        part.splits[name] = rows.rows(torch.randperm(len(rows), generator=draw)[:most])
    return part


def train(data: MultiTaskDataModule, work: Work, seed: int, *overrides: str, steps: int | None = None) -> Outcome:
    """Train and measure once."""
    steps = steps or work.steps
    per_epoch = -(-len(data.splits["train"]) // work.batch)
    epochs = -(-steps // per_epoch)
    config = configure(
        *work.overrides, *overrides, f"seed={seed}", f"epochs={epochs}", f"batch_size={work.batch}", "progress=false"
    )
    data.configure_batches(config.batch_size, seed)
    torch.manual_seed(seed)
    module = build_with_data(data, config).module
    trainer = probe_trainer(config, (), epochs=epochs, steps=steps)
    trainer.fit(module, datamodule=data)
    measured = module.evaluate(data.loader("val")).tasks
    weights = module.weights
    assert weights is not None
    values = {task.name: measured[task.name].get(task.primary) for task in data.tasks}
    metrics = {name: nan if value is None else float(value) for name, value in values.items()}
    return Outcome(metrics, float(weights.min() / weights.mean()))


def gain(task: Task, value: float, baseline: float) -> float:
    """How much better a metric is than the baseline's, as a share of it; of R2, of the variance."""
    better = value - baseline if task.higher_is_better else baseline - value
    return better if task.primary == "r2" else better / abs(baseline)


def study(name: str, steps: int | None = None) -> Iterator[list[str]]:
    """The rows of the table for one suite."""
    work = SUITES[name]
    whole = loaded(work)
    runs = [("hard", seed) for seed in range(work.hard)] + [("gated", seed) for seed in range(work.gated)]
    for model, seed in runs:
        data = part_of(whole, seed)
        equal = train(data, work, seed, f"model={model}", "weighting=equal", steps=steps)
        options = [("best_constant", alpha) for alpha in ALPHAS]
        options += [("first_batch", alpha) for alpha in FIRST_BATCH if work.first_batch and model == "hard"]
        for initial, alpha in options:
            chosen = (
                f"model={model}",
                "weighting=gradnorm",
                f"weighting.alpha={alpha}",
                f"weighting.initial={initial}",
            )
            found = train(data, work, seed, *chosen, steps=steps)
            gains = [gain(task, found.metrics[task.name], equal.metrics[task.name]) for task in data.tasks]
            percent = [f"{100 * value:.2f}" for value in (sum(gains) / len(gains), min(gains))]
            yield [name, model, initial, str(alpha), str(seed), *percent, f"{found.least_weight:.4f}"]


def main() -> None:
    """Train everything, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with silent_lightning():
        for name in given.suites:
            for row in study(name):
                rows.append(row)
                print(*row, flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    with (given.output / "result.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = ["suite", "model", "initial", "alpha", "seed", "mean gain %", "worst task's gain %", "least weight"]
        writer.writerows([columns, *rows])


if __name__ == "__main__":
    main()
