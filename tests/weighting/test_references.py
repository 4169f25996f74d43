"""Several steps of methods that remember something, with four tasks, beside the papers' formulas written out in NumPy.

Some steps lack a task.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from mtl.weighting.base import DirectionWeighting, GradientWeighting, LossWeighting, Weighting
from mtl.weighting.state.draws import Draws
from tests.weighting.problems import make

Array = NDArray[np.float64]
K, P, STEPS = 4, 7, 12
# Task gradients, losses and tasks of a step to the direction and the weights that are reported
Reference = Callable[[Array, Array, list[int]], tuple[Array, Array]]


def softmax(values: Array) -> Array:
    """Along the only axis."""
    out: Array = np.exp(values - values.max())
    out /= out.sum()
    return out


def on_simplex(values: Array) -> Array:
    """The nearest point of the simplex, by bisection of what is subtracted from all numbers."""
    low, high = values.min() - 1, values.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(values - middle, 0).sum() > 1 else (low, middle)
    out: Array = np.maximum(values - low, 0)
    return out


class GradNorm:
    """Algorithm 1, with steps of the weights' logarithms towards the targets, of the given length at most."""

    def __init__(self, alpha: float = 0.8, lr: float = 0.1) -> None:
        self.alpha, self.lr = alpha, lr
        self.w, self.first = np.ones(K), np.full(K, np.nan)

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        w = self.w[tasks]
        for i, loss in zip(tasks, losses, strict=True):
            self.first[i] = loss if np.isnan(self.first[i]) else self.first[i]
        lengths = w * np.linalg.norm(j, axis=1)
        inverse_rate = losses / self.first[tasks]
        target = lengths.mean() * (inverse_rate / inverse_rate.mean()) ** self.alpha
        moved = w * np.exp(np.clip(np.log(target / lengths), -self.lr, self.lr))
        self.w[tasks] = moved * w.sum() / moved.sum()
        return w @ j, w


class Imtl:
    """Equal projections on the gradients of the scaled losses, found from the definition by least squares."""

    def __init__(self, lr: float = 0.1) -> None:
        self.lr, self.s = lr, np.zeros(K)

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        self.s[tasks] -= self.lr * np.clip(np.exp(self.s[tasks]) * losses - 1, -1, 1)
        scale = np.exp(self.s[tasks])
        g = scale[:, None] * j
        unit = g / np.linalg.norm(g, axis=1, keepdims=True)
        # sum_i a_i = 1, and <d, u_1 - u_i> = 0 with d = sum_i a_i g_i
        system = np.concatenate([np.ones((1, len(g))), (unit[:1] - unit[1:]) @ g.T])
        a = np.linalg.solve(system, np.eye(len(g))[0])
        return a @ g, a * scale


class MoCo:
    """Algorithm 1, with the Gramian divided by its mean diagonal."""

    def __init__(self, beta: float = 0.3, gamma: float = 0.2, rho: float = 0.1) -> None:
        self.beta, self.gamma, self.rho = beta, gamma, rho
        self.y, self.w = np.full((K, P), np.nan), np.full(K, 1 / K)

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        for i, g in zip(tasks, j, strict=True):
            self.y[i] = g if np.isnan(self.y[i, 0]) else self.y[i] + self.beta * (g - self.y[i])
        y, share = self.y[tasks], self.w[tasks].sum()
        w = self.w[tasks] / share
        gramian = y @ y.T / ((y**2).sum() / len(y))
        w = on_simplex(w - self.gamma * (gramian @ w + self.rho * w))
        self.w[tasks] = w * share
        return w @ y, w


class DBMTL:
    """Equations 3 to 5 of the paper."""

    def __init__(self, beta: float = 0.8, decay: float = 0.5) -> None:
        self.beta, self.decay = beta, decay
        self.v, self.t = np.zeros((K, P)), np.zeros(K)

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        self.t[tasks] += 1
        memory = (self.beta / self.t[tasks] ** self.decay)[:, None]
        self.v[tasks] = memory * self.v[tasks] + (1 - memory) * j / losses[:, None]
        v = self.v[tasks]
        lengths = np.linalg.norm(v, axis=1)
        return (lengths.max() * v / lengths[:, None]).sum(0), 1 / losses


class ExcessMTL:
    """Section 4 of the paper."""

    def __init__(self, lr: float = 0.2) -> None:
        self.lr = lr
        self.squares, self.first, self.w = np.zeros((K, P)), np.full(K, np.nan), np.full(K, 1 / K)

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        self.squares[tasks] += j**2
        excess = (j**2 / np.sqrt(self.squares[tasks])).sum(1)
        share, w = self.w[tasks].sum(), self.w[tasks]
        for place, i in enumerate(tasks):
            if np.isnan(self.first[i]):
                self.first[i] = excess[place]
            else:
                w[place] *= np.exp(self.lr * excess[place] / self.first[i])
        w /= w.sum()
        self.w[tasks] = w * share
        return w @ j, w


class GO4Align:
    """The authors' formulas; the clusters by trying every division of the tasks in two."""

    def __init__(self, rate: float = 0.3) -> None:
        self.rate, self.q = rate, np.full(K, 1 / K)

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        share = self.q[tasks].sum()
        q = self.q[tasks] * np.exp(-self.rate * losses)
        q /= q.sum()
        self.q[tasks] = q * share
        gamma = q * losses.sum() / losses
        best, w = np.inf, gamma
        for code in range(1, 2 ** len(tasks) - 1):
            inside = np.array([bool(code >> place & 1) for place in range(len(tasks))])
            means = np.where(inside, gamma[inside].mean(), gamma[~inside].mean())
            spread = float(((gamma - means) ** 2).sum())
            best, w = min((best, w), (spread, means), key=lambda pair: pair[0])
        return w @ j, w


class Krum:
    """The scores by their definition, and the mean of the best two."""

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        neighbours = max(len(j) - 1 - 2, 1)
        distances = ((j[:, None] - j) ** 2).sum(2)
        scores = [np.sort(np.delete(row, i))[:neighbours].sum() for i, row in enumerate(distances)]
        w = np.zeros(len(j))
        w[np.argsort(scores)[:2]] = 0.5
        return w @ j, w


class CRMOGM:
    """Algorithm 1, the shortest vector by SciPy."""

    def __init__(self, beta: float = 0.6) -> None:
        self.beta, self.w = beta, np.full(K, 1 / K)

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        share = self.w[tasks].sum()
        shortest = minimize(
            lambda w: float(((w @ j) ** 2).sum()),
            np.full(len(j), 1 / len(j)),
            jac=lambda w: 2 * j @ (w @ j),
            bounds=[(0, 1)] * len(j),
            constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1}],
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 500},
        ).x
        w = self.beta * self.w[tasks] / share + (1 - self.beta) * shortest
        self.w[tasks] = w * share
        return w @ j, w


def by_tasks(direction: Array, j: Array) -> Array:
    """The weights of a direction that lies in the span of the task gradients."""
    out: Array = np.linalg.lstsq(j.T, direction, rcond=None)[0]
    return out


class PCGrad:
    """Algorithm 1, on the gradients themselves, with the same orders of the other tasks."""

    def __init__(self) -> None:
        self.draws = Draws()

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        direction = np.zeros(P)
        for p, others in zip(j.copy(), self.draws.order(len(j)), strict=True):
            for g in j[others]:
                p -= min(p @ g, 0.0) / (g @ g) * g
            direction += p
        return direction, by_tasks(direction, j)


class GradVac:
    """Algorithm 1, on the gradients themselves, with the same orders of the other tasks."""

    def __init__(self, beta: float = 0.3) -> None:
        self.beta, self.draws = beta, Draws()
        self.targets = np.zeros((K, K))

    def __call__(self, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
        direction = np.zeros(P)
        for i, p, others in zip(tasks, j.copy(), self.draws.order(len(j)), strict=True):
            for g, other in zip(j[others], np.array(tasks)[others], strict=True):
                length, c, target = (
                    np.linalg.norm(p),
                    p @ g / np.linalg.norm(p) / np.linalg.norm(g),
                    self.targets[i, other],
                )
                if c < target:
                    wanted = target * np.sqrt(1 - c**2) - c * np.sqrt(1 - target**2)
                    p += length * wanted / (np.linalg.norm(g) * np.sqrt(1 - target**2)) * g
                    assert np.isclose(p @ g / np.linalg.norm(p) / np.linalg.norm(g), target)
                self.targets[i, other] += self.beta * (c - target)
            direction += p
        return direction, by_tasks(direction, j)


CASES: dict[str, tuple[dict[str, float | str], Callable[[], Reference]]] = {
    "gradnorm": ({"alpha": 0.8, "lr": 0.1, "initial": "first_batch"}, GradNorm),
    "imtl": ({"lr": 0.1}, Imtl),
    "moco": ({"beta": 0.3, "gamma": 0.2, "rho": 0.1}, MoCo),
    "db_mtl": ({"beta": 0.8, "decay": 0.5}, DBMTL),
    "excess_mtl": ({"lr": 0.2}, ExcessMTL),
    "go4align": ({"rate": 0.3, "groups": 2}, GO4Align),
    "pcgrad": ({}, PCGrad),
    "gradvac": ({"beta": 0.3}, GradVac),
    "krum": ({"outliers": 1, "selected": 2}, Krum),
    "cr_mogm": ({"beta": 0.6}, CRMOGM),
}


def steps() -> Iterator[tuple[Array, Array, list[int]]]:
    """Task gradients of unlike lengths, losses and tasks; every third step lacks one."""
    random = np.random.default_rng(5)
    for number in range(STEPS):
        tasks = [i for i in range(K) if number % 3 != 2 or i != number % K]
        j = random.normal(size=(len(tasks), P)) * np.array([1.0, 3.0, 0.3, 2.0])[tasks, None]
        yield j, random.uniform(0.2, 3, len(tasks)), tasks


def outcome(weighting: Weighting, j: Array, losses: Array, tasks: list[int]) -> tuple[Array, Array]:
    """Direction and weights of a method of any kind."""
    jacobian, values, numbers = torch.tensor(j).float(), torch.tensor(losses).float(), torch.tensor(tasks)
    if isinstance(weighting, LossWeighting):
        seen = values.requires_grad_()
        (weights,) = torch.autograd.grad(weighting(seen, numbers), seen)
    elif isinstance(weighting, GradientWeighting):
        weights = weighting(jacobian @ jacobian.T, values, numbers).float()
    else:
        assert isinstance(weighting, DirectionWeighting)
        direction, weights = weighting(jacobian, values, numbers)
        return direction.double().numpy(), weights.double().numpy()
    return (weights @ jacobian).double().numpy(), weights.double().numpy()


@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_the_formulas(name: str) -> None:
    options, reference = CASES[name]
    weighting, by_hand = make(name, K, **options), reference()
    changed = False
    first: Array | None = None
    for j, losses, tasks in steps():
        direction, weights = outcome(weighting, j, losses, tasks)
        expected_direction, expected = by_hand(j, losses, tasks)
        np.testing.assert_allclose(weights, expected, rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(direction, expected_direction, rtol=2e-3, atol=2e-3)
        first = weights if first is None else first
        changed = changed or len(weights) != len(first) or bool(np.abs(weights - first).max() > 0.01)
    assert changed
