"""Large linear operations, and what is known of their gradients without forming them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mtl.gradients import linear_layers as linear
from mtl.gradients.linear_layers import LinearOp, find_linear
from mtl.testing.problem import Problem, flat
from mtl.weighting.base import Step
from tests.weighting.problems import PLACED, make

WIDTH, ROWS, TASKS = 24, 7, 4


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in blocks of rows that do not come out even."""
    monkeypatch.setattr(linear, "LEAST", 1)
    monkeypatch.setattr(linear, "BLOCK", 3)


def make_losses(y: Tensor) -> list[Tensor]:
    """Losses that look at different parts of Y."""
    return [torch.tanh(part).square().sum() for part in y.flatten().chunk(TASKS)]


def compared(losses: list[Tensor], operation: LinearOp) -> tuple[Tensor, Tensor]:
    """The Gramian as found, and as of the whole gradients."""
    rows = torch.stack([torch.autograd.grad(loss, [operation.edge], retain_graph=True)[0] for loss in losses])
    full = [flat(torch.autograd.grad(loss, operation.parameters, retain_graph=True)) for loss in losses]
    jacobian = torch.stack(full)
    return operation.gramian(rows), jacobian @ jacobian.T


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(ROWS, WIDTH), (2, ROWS, WIDTH)], ids=str)
def test_gramian_is_that_of_the_gradients(bias: bool, shape: tuple[int, ...]) -> None:
    """With and without bias; rows may have several dimensions."""
    torch.manual_seed(0)
    layer = nn.Linear(WIDTH, 2 * WIDTH, bias=bias)
    losses = make_losses(layer(torch.randn(shape)))
    (found,) = find_linear(losses, list(layer.parameters()))
    assert {id(p) for p in found.parameters} == {id(p) for p in layer.parameters()}
    torch.testing.assert_close(*compared(losses, found))


def test_gramian_in_half_precision() -> None:
    """The weight is cast on the way; the Gramian is of what was computed, in single precision."""
    torch.manual_seed(0)
    layer = nn.Linear(WIDTH, WIDTH)
    with torch.autocast("cpu", torch.bfloat16):
        losses = make_losses(layer(torch.randn(ROWS, WIDTH)).float())
    (found,) = find_linear(losses, list(layer.parameters()))
    torch.testing.assert_close(*compared(losses, found), rtol=0.03, atol=0.03)


@pytest.mark.parametrize(
    "network",
    [
        lambda layer, x: layer(layer(x)),
        lambda layer, x: layer(x) + layer.weight.sum(),
        lambda layer, x: nn.functional.linear(x, 2 * layer.weight, layer.bias),
        lambda layer, x: torch.addmm(layer.bias, x, layer.weight.T, alpha=2),
    ],
    ids=["twice", "elsewhere", "made of", "factor"],
)
def test_weights_that_are_more_than_one_operations_are_left_alone(
    network: Callable[[nn.Linear, Tensor], Tensor],
) -> None:
    """Their gradient is not the product that the Gramian is computed from."""
    layer = nn.Linear(WIDTH, WIDTH)
    assert find_linear(make_losses(network(layer, torch.randn(ROWS, WIDTH))), list(layer.parameters())) == []


def test_bias_that_others_read_is_left_out() -> None:
    """The weight alone is compared by products."""
    torch.manual_seed(0)
    layer = nn.Linear(WIDTH, WIDTH)
    losses = make_losses(layer(torch.randn(ROWS, WIDTH)) * layer.bias)
    (found,) = find_linear(losses, list(layer.parameters()))
    assert found.parameters == [layer.weight]
    torch.testing.assert_close(*compared(losses, found))


def test_many_rows_are_no_gain() -> None:
    """With more rows than features the gradients themselves are less work."""
    layer = nn.Linear(WIDTH, WIDTH)
    assert find_linear(make_losses(layer(torch.randn(8 * WIDTH, WIDTH))), list(layer.parameters())) == []


@pytest.mark.parametrize("name", PLACED)
@pytest.mark.parametrize("at", ["parameters", "last_shared"])
@pytest.mark.parametrize("scale", [1.0, 1024.0])
@pytest.mark.parametrize("least", [1, 30], ids=["every layer", "one layer of two"])
def test_update_is_that_of_whole_gradients(
    name: str, at: str, scale: float, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every method makes the same update either way, on top of what is in .grad."""
    monkeypatch.setattr(linear, "LEAST", least)  # weights: the trunk has 28 and 42
    short, full = Problem(TASKS, [1.0, 2.0, 0.5, 1.0], rows=2), Problem(TASKS, [1.0, 2.0, 0.5, 1.0], rows=2)
    one, two = make(name, TASKS, at=at), make(name, TASKS, at=at)
    assert len(find_linear(short.forward()[0], short.shared)) == 1 + (least == 1)
    for p in short.parameters:
        p.grad = torch.ones_like(p)
    weights = short.backward(one, Step(scale=scale))
    monkeypatch.setattr(linear, "LEAST", 2**18)
    assert find_linear(full.forward()[0], full.shared) == []
    torch.testing.assert_close(weights, full.backward(two, Step(scale=scale)), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(short.update() - 1, full.update(), rtol=1e-3, atol=1e-3 * scale)
    for task in range(TASKS):
        torch.testing.assert_close(
            short.private_update(task) - 1, full.private_update(task), rtol=1e-3, atol=1e-3 * scale
        )
