"""Weights learned on held-out rows: the derivative is that of a step, and only held-out rows teach them."""

import copy
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mtl.assembly import build, configure
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.weighting.auto_lambda import AutoLambda
from mtl.weighting.held_out import HeldOutWeighting
from tests.support import tiny
from tests.weighting.problems import Problem, flat, make


def taught(name: str, held: list[list[float]], **options: object) -> Tensor:
    """Weights after one step with ``g_1 = (2, 0)`` and ``g_2 = (-1, 1)``, and held-out gradients ``held``."""
    weighting = make(name, 2, **options)
    p = nn.Parameter(torch.zeros(2))
    weighting.backward([2 * p[0], p[1] - p[0]], [p], [[], []])
    weighting.learn([torch.tensor(row).float() @ p for row in held], [p], [[], []])
    return weighting.backward([2 * p[0], p[1] - p[0]], [p], [[], []])


def test_auto_lambda_by_hand() -> None:
    """The sum of held-out losses has the gradient (1, 0): its products with the task gradients are 2 and -1, and Adam's
    first step has the length of its rate.
    """
    torch.testing.assert_close(taught("auto_lambda", [[1, 0], [0, 0]]), torch.tensor([0.101, 0.099]))


def test_moml_by_hand() -> None:
    """Both held-out losses gain from task 1: its logit becomes 0.01, the other -0.01. Where one gains and the other
    loses, no weights are better for both, and they stay.
    """
    sigmoid = 1 / (1 + math.exp(-0.02))
    torch.testing.assert_close(taught("moml", [[1, 0], [1, 0]]), torch.tensor([sigmoid, 1 - sigmoid]))
    assert taught("moml", [[1, 0], [0, 1]]).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("name", ["auto_lambda", "moml"])
def test_products_are_the_derivative_of_the_held_out_losses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against differences of the held-out losses after a step with other weights, heads included."""
    lr, change = 0.1, 1e-5
    problem, held = Problem(3, [1.0, 2.0, 0.5]), Problem(3, [1.0, 2.0, 0.5], seed=1)
    for one in (problem, held):
        one.trunk.double(), one.heads.double()
        one.inputs, one.targets = one.inputs.double(), one.targets.double()
    weighting = make(name, 3)
    assert isinstance(weighting, HeldOutWeighting)
    rows, own = problem.gradients()
    start = [p.detach().clone() for p in problem.parameters]

    def after(weights: Tensor) -> Tensor:
        step = torch.cat([weights @ rows, *(w * g for w, g in zip(weights, own, strict=True))])
        with torch.no_grad():
            for p, before, part in zip(held.parameters, start, step.split([p.numel() for p in start]), strict=True):
                p.copy_(before - lr * part.view_as(p))
        return held.now()

    used = weighting.weights_of(torch.arange(3)).double()
    slopes = torch.stack(
        [(after(used + change * e) - after(used - change * e)) / (2 * change) for e in torch.eye(3).double()], 1
    )
    seen: list[Tensor] = []
    monkeypatch.setattr(weighting, "improve", lambda products, tasks: seen.append(products))
    problem.backward(weighting)
    after(used)
    losses, _ = held.forward()
    weighting.learn(losses, held.shared, held.private)
    slopes = slopes.sum(0, keepdim=True) if name == "auto_lambda" else slopes
    expected = -slopes / slopes.norm(dim=1, keepdim=True)
    torch.testing.assert_close(seen[0] / seen[0].norm(dim=1, keepdim=True), expected.to(seen[0]), rtol=1e-4, atol=1e-4)


def test_only_primary_tasks_are_served() -> None:
    """By name; a name that is no task is refused with the right ones."""
    weighting = make("auto_lambda", 2, primary=["b"])
    weighting.bind(["a", "b"])
    p = nn.Parameter(torch.zeros(2))
    weighting.backward([2 * p[0], p[1] - p[0]], [p], [[], []])
    weighting.learn([-5 * p[0], p[0] * 1], [p], [[], []])  # all tasks together would take weight from the first
    assert isinstance(weighting, AutoLambda)
    assert weighting.weights[0] > 0.1 > weighting.weights[1]
    with pytest.raises(InputError, match="'c'"):
        make("auto_lambda", 2, primary=["c"]).bind(["a", "b"])
    with pytest.raises(InputError, match=r"held_out=1\.5"):
        make("moml", 2, held_out=1.5)


def test_learning_writes_no_gradient() -> None:
    """Held-out rows change the weights, not the network."""
    problem = Problem(3)
    weighting = make("moml", 3)
    problem.backward(weighting)
    before = copy.deepcopy([p.grad for p in problem.parameters])
    problem.learn(weighting)
    assert all(torch.equal(a, p.grad) for a, p in zip(before, problem.parameters, strict=True) if p.grad is not None)
    assert weighting.weights_of(torch.arange(3)).sum() == pytest.approx(1)


def test_a_task_that_only_fits_noise_loses_weight() -> None:
    """Its held-out rows tell another story than its training rows: its weight falls, that of the honest task rises."""
    problem = Problem(2, rows=24)
    truth = problem.inputs @ torch.randn(4, generator=torch.Generator().manual_seed(3))
    problem.targets[:, 0] = truth
    problem.targets[12:, 1] = -truth[12:]
    problem.targets[:12, 1] = truth[:12]
    weighting = make("auto_lambda", 2, lr=0.005)
    problem.train(
        weighting,
        30,
        lambda: problem.backward(weighting, stop=12),
        lr=0.3,
        learn=lambda: problem.learn(weighting, start=12),
    )
    assert isinstance(weighting, AutoLambda)
    assert weighting.weights[0] > 1.5 * weighting.weights[1]


def test_held_out_rows_are_of_the_training_split(tmp_path: Path) -> None:
    """The others keep their order, validation and test are what they were, and every step has its own rows."""
    plain, carved = (build(tiny(tmp_path, f"weighting={name}", "accumulate=2")) for name in ("equal", "moml"))
    for assembly in (plain, carved):
        assembly.data.setup("fit")
        assembly.data.loader("train", training=True)
    whole, kept, held = plain.data.splits["train"], carved.data.splits["train"], carved.data.splits["held_out"]
    assert len(held) == round(0.1 * len(whole))
    assert torch.equal(kept.inputs[SINGLE], whole.inputs[SINGLE][carved.data.kept])
    both = torch.cat([kept.inputs[SINGLE], held.inputs[SINGLE]])
    assert torch.equal(both[both[:, 0].argsort()], whole.inputs[SINGLE][whole.inputs[SINGLE][:, 0].argsort()])
    for split in ("val", "test"):
        assert torch.equal(carved.data.splits[split].inputs[SINGLE], plain.data.splits[split].inputs[SINGLE])
    steps = [torch.cat([batch.inputs[SINGLE] for batch in carved.data.held_out(step)]) for step in range(3)]
    assert len(list(carved.data.held_out(0))) == 2
    assert torch.equal(steps[1], torch.cat([batch.inputs[SINGLE] for batch in carved.data.held_out(1)]))
    assert not torch.equal(steps[0], steps[1])


def test_too_few_rows_to_hold_out() -> None:
    """One line, before training."""
    data = build(configure("task=synthetic", "weighting=moml", "task.rows=20", "accumulate=4")).data
    data.setup("fit")
    with pytest.raises(InputError, match="cannot be divided among 4 accumulated batches"):
        data.loader("train", training=True)


def test_state_is_of_the_weighting() -> None:
    """A run that goes on from a state takes the same steps."""
    first = make("auto_lambda", 3)
    problem = Problem(3)
    problem.train(first, 3)
    second = make("auto_lambda", 3)
    second.load_state_dict(first.state_dict())
    other = copy.deepcopy(problem)
    problem.train(first, 2)
    other.train(second, 2)
    assert torch.equal(flat(problem.parameters), flat(other.parameters))
