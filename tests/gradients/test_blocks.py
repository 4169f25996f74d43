"""Gradients that are compared block by block, because those of all tasks would not leave room in memory."""

import pytest
import torch
from torch import nn

from mtl.errors import InputError
from mtl.gradients import blocks, linear_layers
from mtl.gradients.blocks import blocks_of
from mtl.gradients.task_gradients import TaskGradients
from mtl.testing.problem import Problem
from mtl.weighting.base import GradientWeighting
from tests.weighting.problems import make

CPU, SINGLE = torch.device("cpu"), torch.float32
METHODS = ("mgda", "pcgrad", "upgrad", "gradnorm")


@pytest.fixture
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 bytes of memory."""
    monkeypatch.setattr(blocks, "memory_of", lambda device: 1000)


@pytest.mark.usefixtures("_memory")
def test_blocks_hold_every_parameter_once_and_little_each() -> None:
    parameters = [torch.empty(n) for n in (4, 3, 9, 1, 1, 5)]
    found = blocks_of(parameters, 10, CPU, SINGLE)  # 1000 / 4 bytes / 2 are 31 numbers, of ten tasks 3 each
    assert [[p.numel() for p in block] for block in found] == [[5], [1, 1], [9], [3], [4]]
    assert len(blocks_of(parameters[:1], 10, CPU, SINGLE)) == 1
    assert blocks_of([], 10, CPU, SINGLE) == [[]]


@pytest.mark.usefixtures("_memory")
def test_more_than_the_memory_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"gradients of 2 tasks with respect to 200 shared parameters") as caught:
        TaskGradients([torch.empty(200)], [[], []], CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("operations", [False, True], ids=["plain", "with linear operations"])
@pytest.mark.parametrize("at", ["parameters", "last_shared"])
@pytest.mark.parametrize("name", METHODS)
def test_the_update_is_the_same(name: str, at: str, operations: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if operations:
        monkeypatch.setattr(linear_layers, "LEAST", 1)

    def step() -> list[torch.Tensor]:
        problem = Problem(3, [1.0, 2.0, 0.5])
        weighting = make(name, 3, at=at)
        assert isinstance(weighting, GradientWeighting)
        problem.backward(weighting)
        assert weighting.gramian is not None
        return [weighting.gramian, *(p.grad for p in problem.parameters if p.grad is not None)]

    whole = step()
    monkeypatch.setattr(blocks, "LARGEST", 1e-12)
    assert len(blocks_of([nn.Parameter(torch.empty(2)) for _ in range(3)], 3, CPU, SINGLE)) == 3
    by_block = step()
    assert len(whole) == len(by_block)
    for one, other in zip(by_block, whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
