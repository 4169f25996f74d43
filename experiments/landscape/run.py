"""Two objectives in two parameters: which weightings reach the Pareto front? python experiments/landscape/run.py

The landscape of Liu et al. (CAGrad, NeurIPS 2021): in the upper half both objectives fall steeply into two valleys,
where their gradients conflict and differ in size by orders of magnitude; in the lower half they are bowls around ``x_1
= 7`` and ``x_1 = -7``, with the Pareto front on the line between these, at ``x_2`` near -8. As in Navon et al.
(Nash-MTL, ICML 2022) the first objective is multiplied by 0.1, and there are five starting points, which Liu et al.
(FAMO, NeurIPS 2023) took over. Adam takes 3,500 steps of 0.01, which go as far as the 35,000 of 0.001 of the papers;
more (--steps) tell what is slow from what is stuck.

A way has reached the front when it is within 0.5 of it. That is what is written, and no distance: the second digit of
those is another one on another machine. Writes ``result.csv`` and ``result.png`` beside this file, or where --output
says. FAMO takes logarithms of the losses, which become negative here: it is given what they exceed their lowest values
by.
"""

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtl.weighting.base import GradientWeighting, LossWeighting, Weighting
from mtl.weighting.cagrad import CAGrad
from mtl.weighting.equal import Equal
from mtl.weighting.fairgrad import FairGrad
from mtl.weighting.famo import FAMO
from mtl.weighting.imtl_g import IMTLG
from mtl.weighting.mgda import MGDA
from mtl.weighting.nash_mtl import NashMTL
from mtl.weighting.pcgrad import PCGrad
from mtl.weighting.upgrad import UPGrad

Array = NDArray[np.float64]
TASKS = torch.arange(2)
STARTS = ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0))
METHODS: dict[str, Callable[[int], Weighting]] = {
    "equal": Equal,
    "MGDA": MGDA,
    "PCGrad": PCGrad,
    "CAGrad": CAGrad,
    "IMTL-G": IMTLG,
    "Nash-MTL": NashMTL,
    "FairGrad": FairGrad,
    "FAMO": FAMO,
    "UPGrad": UPGrad,
}
LEAST = 5e-6  # argument of the logarithms
NEAR = 0.5
FIRST = 0.1  # factor on the first objective
FLOOR = torch.tensor([-20 * FIRST, -20.0])  # no objective is lower


def objectives(x: Tensor) -> tuple[Tensor, Tensor]:
    """Both objectives at points ``[..., 2]``."""
    a, b = x[..., 0], x[..., 1]
    up, down = torch.tanh(0.5 * b).clamp(min=0), torch.tanh(-0.5 * b).clamp(min=0)
    valley_1 = (0.5 * (-a - 7) - torch.tanh(-b)).abs().clamp(min=LEAST).log() + 6
    valley_2 = (0.5 * (-a + 3) + torch.tanh(-b) + 2).abs().clamp(min=LEAST).log() + 6
    bowl_1 = ((7 - a) ** 2 + 0.1 * (b + 8) ** 2) / 10 - 20
    bowl_2 = ((7 + a) ** 2 + 0.1 * (b + 8) ** 2) / 10 - 20
    return FIRST * (valley_1 * up + bowl_1 * down), valley_2 * up + bowl_2 * down


def front() -> Tensor:
    """Points of the Pareto front, ``[N, 2]``: for every ``x_1`` between the bowls the ``x_2`` that is best for their
    sum.
    """
    a, b = torch.linspace(-7, 7, 281), torch.linspace(-10, -6, 801)
    grid = torch.stack(torch.meshgrid(a, b, indexing="ij"), -1)
    first, second = objectives(grid)
    return torch.stack([a, b[(first + second).argmin(1)]], 1)


def jacobians(points: Array) -> Array:
    """Gradients of both objectives at points ``[N, 2]``, ``[N, 2, 2]``, by hand: that takes a hundredth of the time of
    autograd, which has to be called for every operation on these few numbers.
    """
    a, b = points.T
    half, steep = np.tanh(0.5 * b), 1 - np.tanh(b) ** 2  # d tanh(b) / db
    up, down = half.clip(min=0), (-half).clip(min=0)
    up_b, down_b = 0.5 * (1 - half**2) * (b >= 0), -0.5 * (1 - half**2) * (b <= 0)
    out = np.empty((len(points), 2, 2))
    for i, (inside, sign, centre) in enumerate(
        ((0.5 * (-a - 7) + np.tanh(b), 1, 7), (0.5 * (-a + 3) - np.tanh(b) + 2, -1, -7))
    ):
        slope = np.where(np.abs(inside) > LEAST, 1 / np.where(inside == 0, 1, inside), 0)
        valley = np.log(np.abs(inside).clip(min=LEAST)) + 6
        bowl = ((a - centre) ** 2 + 0.1 * (b + 8) ** 2) / 10 - 20
        out[:, i, 0] = -0.5 * slope * up + 0.2 * (a - centre) * down
        out[:, i, 1] = sign * steep * slope * up + valley * up_b + 0.02 * (b + 8) * down + bowl * down_b
    out[:, 0] *= FIRST
    return out


def descend(make: Callable[[int], Weighting], starts: Sequence[tuple[float, float]], steps: int, lr: float) -> Tensor:
    """The ways from some starting points, every tenth step, ``[steps / 10 + 1, N, 2]``.

    All points take their steps together; each has a weighting of its own. Adam, as it treats every number by itself.
    """
    torch.manual_seed(0)
    points = np.array(starts, dtype=float)
    weightings = [make(2) for _ in starts]
    mean, square = np.zeros_like(points), np.zeros_like(points)
    way = []
    for step in range(steps):
        if step % 10 == 0:
            way.append(points.copy())
        found = jacobians(points)
        needs_losses = weightings[0].needs_recomputed_losses  # the others look at gradients, or weigh all losses alike
        losses = excess(points) if needs_losses else torch.ones(len(points), 2)
        slope = np.stack([compute_weights(*each) @ each[1] for each in zip(weightings, found, losses, strict=True)])
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        unbiased = mean / (1 - 0.9 ** (step + 1)), square / (1 - 0.999 ** (step + 1))
        points -= lr * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
        if needs_losses:
            for weighting, after in zip(weightings, excess(points), strict=True):
                weighting.after_step(lambda after=after: after)
    return torch.from_numpy(np.stack([*way, points])).float()


def excess(points: Array) -> Tensor:
    """What the objectives at points ``[N, 2]`` exceed their lowest values by, ``[N, 2]``."""
    return (torch.stack(objectives(torch.from_numpy(points)), 1) - FLOOR).float()


def compute_weights(weighting: Weighting, jacobian: Array, losses: Tensor) -> Array:
    """What a weighting makes of the task gradients ``[2, 2]`` and losses ``[2]`` of one point."""
    if isinstance(weighting, GradientWeighting):
        with torch.no_grad():
            out: Array = weighting(torch.from_numpy(jacobian @ jacobian.T), losses, TASKS).double().numpy()
        return out
    assert isinstance(weighting, LossWeighting)
    losses = losses.requires_grad_()
    (slope,) = torch.autograd.grad(weighting(losses, TASKS), losses)
    return slope.double().numpy()


def main() -> None:
    """Descend from everywhere, write the table, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    torch.set_num_threads(1)
    best = front()
    ways, rows = {}, []
    for name, make in METHODS.items():
        found = ways[name] = list(descend(make, STARTS, given.steps, given.lr).unbind(1))
        reached = [float((best - way[-1]).norm(dim=1).min()) < NEAR for way in found]
        rows.append([name, sum(reached), *("yes" if there else "no" for there in reached)])
        print(*rows[-1], flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    with (given.output / "result.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        header = ["weighting", "reached", *(f"from {a:g} {b:g}" for a, b in STARTS)]
        writer.writerows([header, *rows])
    draw(ways, best, given.output / "result.png")


def draw(ways: dict[str, list[Tensor]], best: Tensor, path: Path) -> None:
    """A panel for each method: level lines of the sum, the front and the five ways."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    axis = torch.linspace(-11, 11, 200)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    first, second = objectives(grid)
    figure, panels = pyplot.subplots(3, 3, figsize=(9, 8.6), sharex=True, sharey=True, layout="constrained")
    for panel, (name, found) in zip(panels.flat, ways.items(), strict=True):
        panel.contour(axis, axis, first + second, levels=25, cmap="Greys", linewidths=0.5)
        panel.plot(*best.T, color="black", linewidth=3)
        for way, colour in zip(found, ("tab:red", "tab:blue", "tab:green", "tab:orange", "tab:purple"), strict=True):
            panel.plot(*way.T, color=colour, linewidth=1.3)
            panel.plot(*way[0], "o", color=colour, markersize=4)
            panel.plot(*way[-1], "*", color=colour, markersize=9)
        panel.set_title(name)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
