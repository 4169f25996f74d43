"""The toy problem of the GradNorm paper: tasks alike but for their scale. python experiments/gradnorm_toy/run.py

Task i is to learn ``f_i(x) = sigma_i tanh((B + e_i) x)`` by squared error: B is common to all tasks, ``e_i`` is the
task's own, and the scale ``sigma_i`` makes the losses as unlike as ``sigma_i^2``. What counts is the task-normalised
test loss ``sum_i L_i(t) / L_i(0)``: every task's progress relative to its start. Source: Chen et al., ICML 2018,
section 4: 250 inputs, 100 outputs, a trunk of four layers of 100 with ReLU, one affine layer per task, elements of B
and ``e_i`` of variance 10 and 3.5, alpha 0.12. Adam, new rows in every step, and the scales of the ten tasks, from 1 to
100, are chosen here.

``--size small`` is a problem that the trunk has room for: 32 inputs, 16 outputs, two layers of 100, the argument of
tanh divided by the root of the inputs, so that targets are not mere signs.

Every method has the learning rate that was best for it on average over four other draws of the problem: on one draw
alone the ends of two rates differ by luck as much as by the rate. Writes ``<size>.csv`` and ``<size>.png`` beside this
file, or where --output says.
"""

import argparse
import csv
import statistics
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from mtl.weighting.base import Weighting
from mtl.weighting.equal import Equal
from mtl.weighting.gradnorm import GradNorm
from mtl.weighting.uncertainty import Uncertainty

WIDTH = 100
LOOKS = 50


@dataclass(frozen=True)
class Size:
    """Of the problem, the trunk, the batches, and the training."""

    inputs: int
    outputs: int
    layers: int
    rows: int
    steps: dict[int, int]  # by the number of tasks
    divisor: float = 1.0  # of the argument of tanh


SIZES = {
    "paper": Size(250, 100, 4, 100, {2: 10_000, 10: 1_000}),
    "small": Size(32, 16, 2, 200, {2: 600, 10: 600}, 32**0.5),
}
SCALES = {2: (1.0, 100.0), 10: (1.0, 3.0, 6.0, 10.0, 18.0, 30.0, 45.0, 60.0, 80.0, 100.0)}
METHODS = ("equal", "uncertainty", "gradnorm")
RATES = (0.02, 0.01, 0.005, 0.0025, 0.00125, 0.000625)
VALIDATION = (1000, 1001, 1002, 1003)  # seeds of the problems on which learning rates are chosen


def make(name: str, tasks: int) -> Weighting:
    """A method by name; GradNorm with the alpha that the paper takes for the toy."""
    if name == "gradnorm":
        return GradNorm(tasks, alpha=0.12, lr=0.025)
    return Uncertainty(tasks) if name == "uncertainty" else Equal(tasks)


def train(name: str, scales: tuple[float, ...], size: Size, seed: int, lr: float) -> list[float]:
    """Task-normalised test loss, divided by the number of tasks, fifty times over the training and at its start."""
    torch.manual_seed(seed)
    shared_matrix = 10**0.5 * torch.randn(size.inputs, size.outputs)
    task_matrices = [3.5**0.5 * torch.randn(size.inputs, size.outputs) for _ in scales]

    def targets(x: Tensor) -> list[Tensor]:
        return [
            sigma * torch.tanh(x @ (shared_matrix + e) / size.divisor)
            for sigma, e in zip(scales, task_matrices, strict=True)
        ]

    sizes = [size.inputs, *[WIDTH] * size.layers]
    layers = [nn.Linear(before, after) for before, after in pairwise(sizes)]
    trunk = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
    heads = nn.ModuleList(nn.Linear(WIDTH, size.outputs) for _ in scales)
    weighting = make(name, len(scales))
    optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters(), *weighting.parameters()], lr)
    test = torch.randn(1000, size.inputs)
    wanted = targets(test)

    @torch.no_grad()
    def measure() -> Tensor:
        h = trunk(test)
        return torch.stack([(head(h) - y).square().mean() for head, y in zip(heads, wanted, strict=True)])

    first, curve, steps = measure(), [], size.steps[len(scales)]
    for step in range(steps + 1):
        if step % (steps // LOOKS) == 0:
            curve.append(float((measure() / first).mean()))
        x = torch.randn(size.rows, size.inputs)
        h = trunk(x)
        losses = [(head(h) - y).square().mean() for head, y in zip(heads, targets(x), strict=True)]
        optimizer.zero_grad()
        weighting.backward(losses, trunk.parameters(), [head.parameters() for head in heads], layers[-1].parameters())
        optimizer.step()
    return curve


def main() -> None:
    """Train, write the table, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="paper")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    torch.set_num_threads(1)
    size = SIZES[given.size]
    curves: dict[tuple[int, str], list[list[float]]] = {}
    rows = []
    for tasks, scales in SCALES.items():
        for name in METHODS:
            # For each method by itself: none is helped by another's choice
            tried = {
                lr: statistics.mean(train(name, scales, size, seed, lr)[-1] for seed in VALIDATION) for lr in RATES
            }
            print(tasks, name, *(f"{lr}: {end:.4f}" for lr, end in tried.items()), flush=True)
            best = min(tried, key=lambda lr: tried[lr])
            curves[tasks, name] = [train(name, scales, size, seed, best) for seed in range(given.seeds)]
            ends = [curve[-1] for curve in curves[tasks, name]]
            rows.append([tasks, name, best, f"{statistics.mean(ends):.3f}", f"{min(ends):.2f}", f"{max(ends):.2f}"])
            print(*rows[-1], flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    with (given.output / f"{given.size}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["tasks", "weighting", "lr", "normalised_test_loss", "least", "largest"], *rows])
    draw(curves, given.size, given.output / f"{given.size}.png")


def draw(curves: dict[tuple[int, str], list[list[float]]], size: str, path: Path) -> None:
    """A panel for each number of tasks: mean over seeds, and their range."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(SCALES), figsize=(9, 3.4), sharey=True, layout="constrained")
    for axis, tasks in zip(axes, SCALES, strict=True):
        for name in METHODS:
            values = torch.tensor(curves[tasks, name])
            steps = SIZES[size].steps[tasks] // LOOKS * torch.arange(values.shape[1])
            (line,) = axis.plot(steps, values.mean(0), label=name)
            axis.fill_between(steps, values.amin(0), values.amax(0), color=line.get_color(), alpha=0.2, linewidth=0)
        axis.set(title=f"{tasks} tasks", xlabel="step")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("normalised test loss (mean over tasks)")
    axes[0].legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
