"""The toy problem of the GradNorm paper: tasks alike but for their scale. python experiments/gradnorm_toy/run.py

Task i is to learn ``f_i(x) = sigma_i tanh((B + e_i) x)`` by squared error: B is common to all tasks, ``e_i`` is the
task's own, and the scale ``sigma_i`` makes the losses as unlike as ``sigma_i^2``. What counts is the task-normalised
test loss ``sum_i L_i(t) / L_i(0)``: every task's progress relative to its start. Source: Chen et al., ICML 2018,
section 4, with its sizes: 250 inputs, 100 outputs, a trunk of four layers of 100 with ReLU, one affine layer per task,
elements of B and ``e_i`` of variance 10 and 3.5, alpha 0.12. The paper does not say optimizer, batch and scales of the
ten tasks; here these are Adam, 100 new rows a step and scales from 1 to 100.

Every method has the learning rate that was best for it on another draw of the problem. Writes ``result.csv`` and
``result.png`` beside this file, or where --output says.
"""

import argparse
import csv
import statistics
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from mtl.weighting.base import Weighting
from mtl.weighting.equal import Equal
from mtl.weighting.gradnorm import GradNorm
from mtl.weighting.uncertainty import Uncertainty

INPUTS, OUTPUTS, WIDTH, ROWS = 250, 100, 100, 100
SCALES = {2: (1.0, 100.0), 10: (1.0, 3.0, 6.0, 10.0, 18.0, 30.0, 45.0, 60.0, 80.0, 100.0)}
METHODS = ("equal", "uncertainty", "gradnorm")
RATES = (0.01, 0.005, 0.0025, 0.00125)
VALIDATION = 1000  # seed of the problem on which learning rates are chosen


def make(name: str, tasks: int) -> Weighting:
    """A method by name; GradNorm with the alpha that the paper takes for the toy."""
    if name == "gradnorm":
        return GradNorm(tasks, alpha=0.12, lr=0.025)
    return Uncertainty(tasks) if name == "uncertainty" else Equal(tasks)


def train(name: str, scales: tuple[float, ...], steps: int, seed: int, lr: float) -> list[float]:
    """Task-normalised test loss, divided by the number of tasks, every 20 steps."""
    torch.manual_seed(seed)
    common = 10**0.5 * torch.randn(INPUTS, OUTPUTS)
    own = [3.5**0.5 * torch.randn(INPUTS, OUTPUTS) for _ in scales]

    def targets(x: Tensor) -> list[Tensor]:
        return [sigma * torch.tanh(x @ (common + e)) for sigma, e in zip(scales, own, strict=True)]

    sizes = [INPUTS, *[WIDTH] * 4]
    layers = [nn.Linear(before, after) for before, after in pairwise(sizes)]
    trunk = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
    heads = nn.ModuleList(nn.Linear(WIDTH, OUTPUTS) for _ in scales)
    weighting = make(name, len(scales))
    optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters(), *weighting.parameters()], lr)
    test = torch.randn(1000, INPUTS)
    wanted = targets(test)

    @torch.no_grad()
    def measure() -> Tensor:
        h = trunk(test)
        return torch.stack([(head(h) - y).square().mean() for head, y in zip(heads, wanted, strict=True)])

    first, curve = measure(), []
    for step in range(steps + 1):
        if step % 20 == 0:
            curve.append(float((measure() / first).mean()))
        x = torch.randn(ROWS, INPUTS)
        h = trunk(x)
        losses = [(head(h) - y).square().mean() for head, y in zip(heads, targets(x), strict=True)]
        optimizer.zero_grad()
        weighting.backward(losses, trunk.parameters(), [head.parameters() for head in heads], layers[-1].parameters())
        optimizer.step()
    return curve


def main() -> None:
    """Train, write the table, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    torch.set_num_threads(1)
    curves: dict[tuple[int, str], list[list[float]]] = {}
    rows = []
    for tasks, scales in SCALES.items():
        for name in METHODS:
            # For each method by itself: none is helped by another's choice
            tried = {lr: train(name, scales, given.steps, VALIDATION, lr)[-1] for lr in RATES}
            print(tasks, name, *(f"{lr}: {end:.4f}" for lr, end in tried.items()), flush=True)
            best = min(tried, key=lambda lr: tried[lr])
            curves[tasks, name] = [train(name, scales, given.steps, seed, best) for seed in range(given.seeds)]
            ends = [curve[-1] for curve in curves[tasks, name]]
            rows.append([tasks, name, best, f"{statistics.mean(ends):.4f}", f"{min(ends):.4f}", f"{max(ends):.4f}"])
            print(*rows[-1], flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    with (given.output / "result.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["tasks", "weighting", "lr", "normalised_test_loss", "least", "largest"], *rows])
    draw(curves, given.output / "result.png")


def draw(curves: dict[tuple[int, str], list[list[float]]], path: Path) -> None:
    """A panel for each number of tasks: mean over seeds, and their range."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(SCALES), figsize=(9, 3.4), sharey=True, layout="constrained")
    for axis, tasks in zip(axes, SCALES, strict=True):
        for name in METHODS:
            values = torch.tensor(curves[tasks, name])
            steps = 20 * torch.arange(values.shape[1])
            (line,) = axis.plot(steps, values.mean(0), label=name)
            axis.fill_between(steps, values.amin(0), values.amax(0), color=line.get_color(), alpha=0.2, linewidth=0)
        axis.set(title=f"{tasks} tasks", xlabel="step", yscale="log")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("normalised test loss (mean over tasks)")
    axes[0].legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
