"""Which method ends where the ray of a preference meets a concave front? python -m experiments.fronts.run

Two objectives in 20 numbers, ``f_1(x) = 1 - exp(-|x - a|^2)`` and ``f_2(x) = 1 - exp(-|x + a|^2)``, all elements of a
being ``1 / sqrt 20``. The Pareto set is the way from -a to a, and the front is concave: a weighted sum has its minima
at the two ends only. Source: Fonseca and Fleming, "Multiobjective Optimization and Multiple Constraint Handling with
Evolutionary Algorithms", IEEE Transactions on Systems, Man, and Cybernetics A 28, 1998,
https://doi.org/10.1109/3468.650319.

A trade-off is a ray of losses from the origin, at 15, 30, 45, 60 or 75 degrees; a method that asks for losses in the
ratio of the preference gets the ray, one that asks for equal weighted losses its inverse. A point has reached its ray
if the losses are within 2 degrees of it, and the front if they exceed the nearest point of it by no more than 0.01.

*Apart*: one descent for each ray. *One network*: one training that draws a preference in each step, as many steps as
the five descents together; x is its representation of a constant input. Five seeds: other starting points. Writes
``result.csv`` beside this file, or where --output says.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from math import cos, radians, sin
from pathlib import Path

import torch
from torch import Tensor, nn

from experiments.rows import measure_rows, study_parser
from mtl.nn.mlp import MLP
from mtl.sharing.conditioned import Conditioned
from mtl.sharing.palora import PaLoRA
from mtl.sharing.preferring import Preferring
from mtl.weighting.base import Weighting
from mtl.weighting.cosmos import COSMOS
from mtl.weighting.epo import EPO
from mtl.weighting.fixed import Fixed
from mtl.weighting.mgda import MGDA
from mtl.weighting.pbi import PBI
from mtl.weighting.pmgda import PMGDA
from mtl.weighting.stch import STCH

SIZE = 20
CENTRE = SIZE**-0.5
ANGLES = (15, 30, 45, 60, 75)
STEPS, RATE = 150, 0.05
NEAR, WITHIN = 0.01, 2.0  # of losses; in degrees
ALONG = ("cosmos", "pbi", "pmgda")  # losses in the ratio of the preference
NAMES = ("a", "b")
COLUMNS = ("weighting", "network", "on the front", "on the front and the ray", "most above", "most off, degrees")


def make(method: str, preference: Tensor) -> Weighting:
    """A weighting with a preference."""
    p = [float(share) for share in preference]
    if method == "mgda":
        return MGDA(2)
    if method == "fixed":
        return Fixed(2, weights=p)
    kinds = {
        "cosmos": partial(COSMOS, mu=2.0),
        "pbi": partial(PBI, theta=5.0),
        "stch": partial(STCH, mu=0.01),
        "epo": EPO,
        "pmgda": PMGDA,
    }
    return kinds[method](2, preference=p)


APART = ("fixed", "mgda", "cosmos", "pbi", "stch", "epo", "pmgda")
ONE_NETWORK = ("cosmos", "epo")


def losses_at(x: Tensor) -> list[Tensor]:
    """Both objectives at a point ``[20]``."""
    return [1 - (-(x - side * CENTRE).square().sum()).exp() for side in (1, -1)]


def front() -> Tensor:
    """Points of the front, ``[N, 2]``."""
    t = torch.linspace(-1, 1, 2001)
    return torch.stack([1 - (-((t - side) ** 2)).exp() for side in (1, -1)], 1)


def preference_of(method: str, angle: float) -> Tensor:
    """What a method is told to end on the ray at an angle, ``[2]``."""
    ray = torch.tensor([cos(radians(angle)), sin(radians(angle))])
    p = ray if method in ALONG else 1 / ray
    return p / p.sum()


def start(seed: int) -> Tensor:
    """A starting point, ``[20]``."""
    return torch.rand(SIZE, generator=torch.Generator().manual_seed(seed)) - 0.5


def rate(step: int, steps: int) -> float:
    """Falls to zero in the last half."""
    return RATE * min(1.0, 2 * (1 - step / steps))


def descend(method: str, angle: float, seed: int, steps: int = STEPS) -> Tensor:
    """Where a descent of its own ends, losses ``[2]``."""
    x = nn.Parameter(start(seed))
    weighting = make(method, preference_of(method, angle))
    optimizer = torch.optim.Adam([x, *weighting.parameters()])
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate(step, steps)
        optimizer.zero_grad()
        weighting.backward(losses_at(x), [x], [[], []])
        optimizer.step()
    with torch.no_grad():
        return torch.stack(losses_at(x))


def network(model: str) -> Preferring:
    """A network whose representation of a constant is x."""
    if model == "palora":  # of one layer: x moves along a line as the preference changes
        return PaLoRA({"x": (1,)}, NAMES, partial(MLP, widths=[SIZE], activation="identity"), rank=1)
    return Conditioned({"x": (1,)}, NAMES, partial(MLP, widths=[32, SIZE], activation="tanh"))


def learn(model: str, method: str, seed: int, steps: int = STEPS * len(ANGLES)) -> list[Tensor]:
    """Where one network is on each ray, losses ``[2]`` each."""
    torch.manual_seed(seed)
    sharing, one = network(model), {"x": torch.ones(1, 1)}
    weighting = make(method, torch.ones(2))
    shared = list(sharing.parameters())
    optimizer = torch.optim.Adam([*shared, *weighting.parameters()])
    draws = torch.Generator().manual_seed(seed)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate(step, steps) / 5  # a network's numbers move x further than its own do
        angle = 5 + 80 * float(torch.rand(1, generator=draws))
        p = preference_of(method, angle)
        sharing.draw(p)
        weighting.prefer(p)
        optimizer.zero_grad()
        weighting.backward(losses_at(sharing(one)["a"][0]), shared, [[], []])
        optimizer.step()
    sharing.eval()
    out = []
    for angle in ANGLES:
        sharing.choose(preference_of(method, angle))
        with torch.no_grad():
            out.append(torch.stack(losses_at(sharing(one)["a"][0])))
    return out


def measure(ends: Sequence[Tensor], best: Tensor) -> tuple[int, int, float, float]:
    """Rays whose end is on the front; on the front and the ray; the largest excess and the largest angle."""
    excess = [float((end - best).amax(1).min()) for end in ends]
    off = [
        abs(float(torch.rad2deg(torch.atan2(end[1], end[0]))) - angle) for end, angle in zip(ends, ANGLES, strict=True)
    ]
    on_front = [one <= NEAR for one in excess]
    return sum(on_front), sum(on and o <= WITHIN for on, o in zip(on_front, off, strict=True)), max(excess), max(off)


def rows(seeds: int) -> Iterator[list[str]]:
    """The table: rays reached in all seeds together, and the worst case."""
    best, cases = front(), len(ANGLES) * seeds
    entries = [("apart", method) for method in APART]
    entries += [(model, method) for model in ("palora", "conditioned") for method in ONE_NETWORK]
    for model, method in entries:
        found = []
        for seed in range(seeds):
            if model == "apart":
                ends = [descend(method, angle, seed) for angle in ANGLES]
            else:
                ends = learn(model, method, seed)
            found.append(measure(ends, best))
        on_front, reached, excess, off = zip(*found, strict=True)
        yield [
            *(method, model, f"{sum(on_front)} of {cases}", f"{sum(reached)} of {cases}"),
            *(f"{max(excess):.2f}", f"{max(off):.0f}"),
        ]


def main() -> None:
    """Descend and learn, write the table."""
    given = study_parser(__doc__, Path(__file__).parent).parse_args()
    torch.set_num_threads(1)
    measure_rows(rows(given.seeds), COLUMNS, given.output)


if __name__ == "__main__":
    main()
