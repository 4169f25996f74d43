"""What stands in front of a method: it does to the losses what the same method does to losses that were divided."""

from functools import partial

import pytest
import torch
from torch import Tensor

from mtl.testing.problem import Problem, flat
from mtl.weighting.base import Step
from tests.weighting.problems import NORMALISATIONS, NORMALISED, make

FACTORS = [1.0, 30.0, 0.2]


def scales(problem: Problem, normalise: str, first: Tensor) -> Tensor:
    """What the losses of a step are divided by."""
    return first if normalise == "loss_scale" else problem.gradients()[0].norm(dim=1)


def updates(problem: Problem) -> Tensor:
    """``.grad`` of all parameters."""
    return flat([problem.update(), *map(problem.private_update, range(3))])


@pytest.mark.parametrize("scale", [1.0, 64.0])
@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize("normalise", NORMALISATIONS)
@pytest.mark.parametrize("name", NORMALISED)
def test_a_normalised_method_is_that_of_divided_losses(name: str, normalise: str, batches: int, scale: float) -> None:
    """Weights, shared and private gradients and the Gramian, in two steps."""
    ours, plain = Problem(3, FACTORS), Problem(3, FACTORS)
    options = {"at": "parameters"} if name == "gradnorm" else {}  # lengths are those of what is compared
    normalised, method = make(name, 3, normalise=normalise, **options), make(name, 3, **options)
    first = ours.current_losses()
    for number in range(2):
        if number and (name, normalise) == ("gradnorm", "gradient_norm"):  # its pace is of the losses as they are
            return
        sizes, gradients = scales(plain, normalise, first), plain.gradients()[0]
        for problem in (ours, plain):
            problem.clear()
        for batch in range(batches):
            rows = (batch * 12 // batches, (batch + 1) * 12 // batches)
            weights = ours.backward(normalised, Step(batches=batches, last=batch == batches - 1, scale=scale), *rows)
        losses, h = plain.forward()
        divided = [loss / size for loss, size in zip(losses, sizes, strict=True)]
        expected = method.backward(divided, plain.shared, plain.private, plain.trunk[2].parameters(), representation=h)
        torch.testing.assert_close(weights, expected / sizes, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(updates(ours) / scale, updates(plain), rtol=1e-3, atol=1e-4)
        if normalised.gramian is not None:
            torch.testing.assert_close(normalised.gramian, gradients @ gradients.T, rtol=1e-3, atol=1e-4)
        with torch.no_grad():
            for p, q in zip(ours.parameters, plain.parameters, strict=True):
                q -= 0.05 * q.grad
                p.copy_(q)
        now = ours.current_losses()
        normalised.after_step(partial(torch.clone, now))
        method.after_step(partial(torch.clone, now / sizes))


def test_a_first_loss_that_is_no_scale_is_none() -> None:
    """One of 0, or that is not finite: its task is not divided; of the latter the next loss is the scale."""
    p = torch.nn.Parameter(torch.tensor([1.0, 1.0, 1.0]))
    weighting = make("equal", 3, normalise="loss_scale")
    for values, expected in (([0.0, torch.inf, 4.0], [1, 1, 0.25]), ([5.0, 2.0, 8.0], [1, 0.5, 0.25])):
        losses = [value * p[i] for i, value in enumerate(values)]
        found = weighting.backward(losses, [p], [[], [], []])
        assert found.tolist() == expected


def test_a_gramian_is_reported_of_the_last_step_or_none() -> None:
    """The first of accumulated batches tells the scales: gradients are looked at then, and not afterwards."""
    problem, weighting = Problem(2), make("dwa", 2, normalise="loss_scale")
    for there in (True, False):
        for number in range(2):
            problem.backward(weighting, Step(batches=2, last=number == 1), 6 * number, 6 * number + 6)
        assert (weighting.gramian is not None) == there
        assert weighting.gramian_tasks == ((0, 1) if there else ())
