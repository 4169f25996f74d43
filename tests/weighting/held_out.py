"""Weights that are learned on held-out rows, written out with autograd, SciPy and torch's own Adam."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from mtl.testing.problem import Problem, flat

TASKS, ROWS, TRAINED = 3, 40, 20
RATE = 0.1  # of the network's descent


def problem() -> Problem:
    """Three tasks that are one: in the training rows the second is told the opposite, and the third half noise."""
    made = Problem(TASKS, [1.0, 3.0, 0.5], rows=ROWS)
    truth = made.inputs @ torch.randn(4, generator=torch.Generator().manual_seed(3))
    noise = made.targets[:TRAINED].clone()
    made.targets[:] = truth[:, None]
    made.targets[:TRAINED, 1] = noise[:, 1] - truth[:TRAINED]
    made.targets[:TRAINED, 2] += noise[:, 2]
    return made


def learned_weights(name: str, steps: int, lr: float) -> list[Tensor]:
    """The weights in each of some steps of gradient descent, by ``auto_lambda`` or ``moml``.

    The step is a function of the numbers that the weights are made of, and autograd goes through it: ``F_j(theta -
    sum_i w_i g_i)``, linearised where the step ended. Each ``F_j`` counts by the direction of its gradient alone, and
    the ``g_i`` are divided by their mean length.
    """
    made, shared_weights = problem(), name == "moml"
    numbers = torch.full((TASKS,), 0.0 if shared_weights else 0.1).requires_grad_()
    adam = torch.optim.Adam([numbers], lr)
    out = []
    for _ in range(steps):
        weights = numbers.softmax(0) if shared_weights else numbers
        out.append(weights.detach().clone())
        gradients = torch.stack([gradient(made, loss) for loss in made.forward(stop=TRAINED)[0]])
        move(made, -RATE * out[-1] @ gradients)
        held = torch.stack(made.forward(start=TRAINED)[0])
        objectives = held if shared_weights else held.sum()[None]
        step = -weights @ gradients / gradients.norm(dim=1).mean()
        slopes = []
        for objective in objectives:
            direction = gradient(made, objective)
            change = step @ (direction / direction.norm())
            slopes.append(torch.autograd.grad(change, numbers, retain_graph=True)[0])
        numbers.grad = shortest(torch.stack(slopes))
        adam.step()
        if not shared_weights:
            numbers.data.clamp_(min=0)
    return out


def gradient(made: Problem, loss: Tensor) -> Tensor:
    """With respect to all parameters, ``[P]``; zero for those that it does not depend on."""
    return flat(torch.autograd.grad(loss, made.parameters, retain_graph=True, materialize_grads=True))


def move(made: Problem, step: Tensor) -> None:
    """Add a step ``[P]`` to all parameters."""
    parts = step.split([p.numel() for p in made.parameters])
    with torch.no_grad():
        for p, part in zip(made.parameters, parts, strict=True):
            p += part.view_as(p)


def shortest(vectors: Tensor) -> Tensor:
    """The shortest vector in the convex hull of vectors ``[N, K]``."""
    rows, count = vectors.double().numpy(), len(vectors)
    found = minimize(
        lambda w: float(np.square(w @ rows).sum()),
        np.full(count, 1 / count),
        jac=lambda w: 2 * rows @ (w @ rows),
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-14},
    )
    return torch.from_numpy(found.x @ rows).to(vectors)
