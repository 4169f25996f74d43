"""Linear heads on one representation, and what is known of their gradients there without forming them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from mtl.gradients.linear_heads import LinearHeads, find_linear_heads
from mtl.testing.problem import Problem
from mtl.weighting.base import Step
from tests.weighting.problems import PLACED, make

ROWS, FEATURES = 5, 12


def read(heads: list[Callable[[Tensor], Tensor]]) -> tuple[list[Tensor], LinearHeads | None]:
    """Losses of heads on one representation, and those of them that are linear."""
    torch.manual_seed(0)
    hidden = torch.tanh(nn.Linear(3, FEATURES)(torch.randn(ROWS, 3)))
    losses = [torch.tanh(head(hidden)).square().sum() for head in heads]
    return losses, find_linear_heads(losses, get_gradient_edge(hidden))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("widths", [(1, 1, 1), (1, 3, 2)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_gramian_and_sum_are_those_of_the_gradients(bias: bool, widths: tuple[int, ...], dtype: torch.dtype) -> None:
    """With one column a task and with several, also in half precision."""
    torch.manual_seed(0)
    heads = [nn.Linear(FEATURES, width, bias=bias).to(dtype) for width in widths]
    shared = 1 * torch.randn(ROWS, FEATURES, dtype=dtype).requires_grad_()
    losses = [torch.tanh(head(shared).float()).square().sum() for head in heads]
    found = find_linear_heads(losses, get_gradient_edge(shared))
    assert found is not None
    columns = torch.cat(torch.autograd.grad(losses, found.edges, retain_graph=True), 1).float()
    full = torch.stack([torch.autograd.grad(loss, shared, retain_graph=True)[0].float() for loss in losses])
    flat = full.flatten(1)
    close = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.03, "atol": 0.03}
    torch.testing.assert_close(found.gramian(columns), flat @ flat.T, **close)
    factors = torch.tensor([0.5, -2.0, 3.0])
    total = found.weighted(columns, factors)
    assert total.dtype == dtype
    torch.testing.assert_close(total.float(), torch.tensordot(factors, full, 1), **close)


LINEAR = nn.Linear(FEATURES, 1)


@pytest.mark.parametrize(
    "head",
    [
        lambda h: nn.functional.linear(torch.tanh(h), LINEAR.weight),
        lambda h: LINEAR(h) + h.sum(1, keepdim=True),
        lambda h: LINEAR(h) + LINEAR(h),
        lambda h: torch.addmm(LINEAR.bias, h, LINEAR.weight.T, alpha=2),
        lambda h: (h @ h.T)[:, :1],
        lambda h: h.detach() @ LINEAR.weight.T,
        nn.Linear(FEATURES, FEATURES + 1),
    ],
    ids=["not alone", "read twice", "two operations", "factor", "both sides", "not at all", "too wide"],
)
def test_other_heads_are_left_alone(head: Callable[[Tensor], Tensor]) -> None:
    """Whose gradients are no product of two matrices, or which are more numbers than those."""
    assert read([nn.Linear(FEATURES, 1), head])[1] is None


def test_head_of_several_layers() -> None:
    """Its first one is linear, and all that comes after is the task's own."""
    losses, found = read([nn.Linear(FEATURES, 1), nn.Sequential(nn.Linear(FEATURES, 4), nn.ReLU(), nn.Linear(4, 1))])
    assert found is not None
    assert [part.shape[1] for part in torch.autograd.grad(losses, found.edges)] == [1, 4]


def test_heads_that_meet_again_are_left_alone() -> None:
    """One pass could not tell the tasks apart."""
    joint = nn.Linear(FEATURES, 2)
    torch.manual_seed(0)
    hidden = torch.tanh(nn.Linear(3, FEATURES)(torch.randn(ROWS, 3)))
    losses = list(joint(hidden).square().sum(0))
    assert find_linear_heads(losses, get_gradient_edge(hidden)) is None


@pytest.mark.parametrize("name", PLACED)
@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_update_is_that_of_one_pass_per_task(name: str, scale: float) -> None:
    """Every method makes the same update where heads are not linear in form, on top of what is in .grad."""
    linear, other = Problem(3, [1.0, 20.0, 0.5]), Problem(3, [1.0, 20.0, 0.5])
    losses, h = linear.forward()
    assert find_linear_heads(losses, get_gradient_edge(h)) is not None
    other.heads = nn.ModuleList(Copying(head) for head in other.heads)
    losses, h = other.forward()
    assert find_linear_heads(losses, get_gradient_edge(h)) is None
    for p in linear.parameters:
        p.grad = torch.ones_like(p)
    weights = [problem.backward(make(name, 3, at="representation"), Step(scale=scale)) for problem in (linear, other)]
    close = {"rtol": 1e-3, "atol": 1e-3 * scale}
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(linear.update() - 1, other.update(), **close)
    for task in range(3):
        torch.testing.assert_close(linear.private_update(task) - 1, other.private_update(task), **close)


class Copying(nn.Module):
    """A linear head that reads a copy of the representation.

    Args:
        head: what reads the copy.
    """

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, h: Tensor) -> Tensor:
        return self.head(h.clone())
