"""Every weighting on one small problem, losses alike and unlike in size. python experiments/weightings/run.py

Three regressions of planted truth that have nothing to give each other (cosine 0 between their directions; in 30 % of
the rows the second is pulled the opposite way) on a trunk too narrow for all: what one gains the others lose. *Alike*:
targets of one scale. *Unlike*: scales 1, 10 and 100, so losses up to 1 : 10,000. Every method with the options of its
file in conf/weighting, 300 steps of Adam of 128 rows, one learning rate for all; each seed is other data, initial
values and order of rows. Methods that hold rows out are given a tenth less to train on, as everywhere.

What counts is the share of the variance of the test targets that is not explained, ``1 - R2``, mean over the tasks and
of the worst one. Writes ``result.csv`` beside this file, or where --output says.
"""

import argparse
import csv
import statistics
from pathlib import Path

import torch
from torch import Tensor, nn

from mtl.config.compose import configure
from mtl.config.factories import instantiate_node
from mtl.config.folders import option_names
from mtl.nn.encoder import SINGLE
from mtl.suites.batch import Split
from mtl.suites.synthetic import SyntheticSuite
from mtl.weighting.base import Step, Weighting

PROBLEMS = {"alike": 1.0, "unlike": 100.0}  # largest over smallest scale of the targets
TASKS, FEATURES, WIDTH, ROWS, STEPS, EPOCH, LR = 3, 24, 8, 128, 300, 12, 0.01


def make(name: str) -> Weighting:
    """The method that a file in conf/weighting names, with its options."""
    node = configure("task=synthetic", f"weighting={name}").weighting
    made: Weighting = instantiate_node(node, "weighting")(TASKS)
    return made


def train(name: str, ratio: float, seed: int, steps: int = STEPS) -> list[float]:
    """``1 - R2`` of the test rows, per task."""
    torch.manual_seed(seed)
    suite = SyntheticSuite(TASKS, 2500, FEATURES, 0.0, scale_ratio=ratio, seed=seed, conflict=0.3)
    weighting = make(name)
    suite.hold_out(weighting.held_out)
    suite.setup("fit")
    trunk = nn.Sequential(nn.Linear(FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
    heads = nn.ModuleList(nn.Linear(WIDTH, 1) for _ in range(TASKS))
    private = [list(head.parameters()) for head in heads]
    optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters(), *weighting.parameters()], LR)
    draw = torch.Generator().manual_seed(seed)
    labels = torch.stack(list(suite.splits["train"].targets.values()))
    weighting.on_initial_losses(labels.var(1, correction=0))  # the losses of the best constants

    def some(split: Split) -> Split:
        return split.rows(torch.randint(len(split), (ROWS,), generator=draw))

    def losses(rows: Split) -> list[Tensor]:
        h = trunk(rows.inputs[SINGLE])
        wanted = rows.targets.values()
        return [(head(h).squeeze(1) - y).square().mean() for head, y in zip(heads, wanted, strict=True)]

    epoch = torch.zeros(TASKS)
    for step in range(1, steps + 1):
        rows = some(suite.splits["train"])
        found = losses(rows)
        optimizer.zero_grad()
        whole_step = Step(recompute=lambda rows=rows: [losses(rows)])
        weighting.backward(found, trunk.parameters(), private, trunk[2].parameters(), whole_step)
        optimizer.step()
        with torch.no_grad():
            epoch += torch.stack(found) / EPOCH
        weighting.after_step(lambda rows=rows: torch.stack(losses(rows)).detach())
        if weighting.held_out:
            weighting.on_held_out_losses(losses(some(suite.splits["held_out"])), trunk.parameters(), private)
        if step % EPOCH == 0:
            weighting.on_epoch_end(epoch)
            epoch = torch.zeros(TASKS)
    test = suite.splits["test"]
    with torch.no_grad():
        return [float(loss / y.var()) for loss, y in zip(losses(test), test.targets.values(), strict=True)]


def main() -> None:
    """Train everything, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--weightings", nargs="+", default=option_names("weighting"))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in sorted(given.weightings):
        row = [name]
        for ratio in PROBLEMS.values():
            found = [train(name, ratio, seed) for seed in range(given.seeds)]
            means = [statistics.mean(errors) for errors in found]
            worst = statistics.mean(max(errors) for errors in found)
            row += [f"{statistics.mean(means):.3f}", f"{statistics.stdev(means):.3f}", f"{worst:.3f}"]
        rows.append(row)
        print(*row, flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    with (given.output / "result.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = [f"{problem} {what}" for problem in PROBLEMS for what in ("mean", "spread", "worst task")]
        writer.writerows([["weighting", *columns], *rows])


if __name__ == "__main__":
    main()
