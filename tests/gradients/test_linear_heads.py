"""Linear heads on one representation, and what is known of their gradients there without forming them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from mtl.gradients.linear_heads import Readers, find_readers
from mtl.weighting.base import Step, gradient
from tests.weighting.problems import PLACED, Problem, make

ROWS, FEATURES = 5, 12


def read(heads: list[Callable[[Tensor], Tensor]]) -> tuple[list[Tensor], Readers | None]:
    """Losses of heads on one representation, and its readers."""
    torch.manual_seed(0)
    hidden = torch.tanh(nn.Linear(3, FEATURES)(torch.randn(ROWS, 3)))
    losses = [torch.tanh(head(hidden)).square().sum() for head in heads]
    return losses, find_readers(losses, get_gradient_edge(hidden))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("widths", [(1, 1, 1), (1, 3, 2)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_gramian_and_sum_are_those_of_the_gradients(bias: bool, widths: tuple[int, ...], dtype: torch.dtype) -> None:
    """With one column a task and with several, also in half precision."""
    torch.manual_seed(0)
    heads = [nn.Linear(FEATURES, width, bias=bias).to(dtype) for width in widths]
    shared = 1 * torch.randn(ROWS, FEATURES, dtype=dtype).requires_grad_()
    losses = [torch.tanh(head(shared).float()).square().sum() for head in heads]
    readers = find_readers(losses, get_gradient_edge(shared))
    assert readers is not None
    columns = torch.cat(torch.autograd.grad(losses, readers.edges, retain_graph=True), 1).float()
    whole = torch.stack([torch.autograd.grad(loss, shared, retain_graph=True)[0].float() for loss in losses])
    flat = whole.flatten(1)
    close = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.03, "atol": 0.03}
    torch.testing.assert_close(readers.gramian(columns), flat @ flat.T, **close)
    factors = torch.tensor([0.5, -2.0, 3.0])
    found = readers.weighted(columns, factors)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), torch.tensordot(factors, whole, 1), **close)


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
    losses, readers = read([nn.Linear(FEATURES, 1), nn.Sequential(nn.Linear(FEATURES, 4), nn.ReLU(), nn.Linear(4, 1))])
    assert readers is not None
    assert [part.shape[1] for part in torch.autograd.grad(losses, readers.edges)] == [1, 4]


def test_heads_that_meet_again_are_left_alone() -> None:
    """One pass could not tell the tasks apart."""
    together = nn.Linear(FEATURES, 2)
    torch.manual_seed(0)
    hidden = torch.tanh(nn.Linear(3, FEATURES)(torch.randn(ROWS, 3)))
    losses = list(together(hidden).square().sum(0))
    assert find_readers(losses, get_gradient_edge(hidden)) is None


@pytest.mark.parametrize("name", PLACED)
@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_update_is_that_of_one_pass_per_task(name: str, scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every method makes the same update either way, on top of what is in .grad."""
    short, whole = Problem(3, [1.0, 20.0, 0.5]), Problem(3, [1.0, 20.0, 0.5])
    one, two = make(name, 3, at="representation"), make(name, 3, at="representation")
    found = []
    monkeypatch.setattr(gradient, "find_readers", lambda *given: found.append(find_readers(*given)) or found[-1])
    for p in short.parameters:
        p.grad = torch.ones_like(p)
    weights = short.backward(one, Step(scale=scale))
    assert [type(one) for one in found] == [Readers]
    monkeypatch.setattr(gradient, "find_readers", lambda *_: None)
    torch.testing.assert_close(weights, whole.backward(two, Step(scale=scale)), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(short.update() - 1, whole.update(), rtol=1e-3, atol=1e-3 * scale)
    for task in range(3):
        torch.testing.assert_close(short.own_update(task) - 1, whole.own_update(task), rtol=1e-3, atol=1e-3 * scale)
