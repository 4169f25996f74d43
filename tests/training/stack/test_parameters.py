"""Networks of one shape computed at once have the losses and gradients that each has by itself."""

from pathlib import Path

import pytest
import torch
from torch import nn

from mtl.assembly import build
from mtl.module.module import MultiTaskModule
from mtl.sharing.hard import Hard
from mtl.suites.stacked_loader import StackedLoader
from mtl.training.stack.offered import check_losses
from mtl.training.stack.parameters import StackedParameters
from mtl.weighting.pcgrad import PCGrad
from tests.support import tiny

MODELS = "aitm cgc cross_stitch gated hard pepnet ple single_task soft"


def stacked(tmp_path: Path, *overrides: str) -> tuple[list[MultiTaskModule], StackedParameters, StackedLoader]:
    """Two networks of other initial values, with the rows in orders of their own."""
    assemblies = [build(tiny(tmp_path, "weighting=equal", *overrides, f"seed={seed}")) for seed in range(2)]
    modules = [one.module for one in assemblies]
    states = [torch.Generator().manual_seed(seed).get_state() for seed in range(2)]
    for one in assemblies:
        one.data.setup("fit")
    loaders = [one.data.loader("train", training=True, world=1) for one in assemblies]
    return modules, StackedParameters(modules, states), StackedLoader(loaders)


@pytest.mark.parametrize("model", MODELS.split())
def test_losses_and_gradients_are_those_of_each_network(tmp_path: Path, model: str) -> None:
    modules, stack, loader = stacked(tmp_path, f"model={model}")
    assert check_losses(stack, modules, loader) is None
    batch = next(iter(loader))
    losses = stack.loss_sums(batch)
    weights = torch.tensor([[0.5, 1.0, 2.0], [1.0, 0.0, 3.0]])
    by_task = stack.task_gradients(losses).clone()
    stack.write_gradients(losses, weights)
    for number, module in enumerate(modules):
        own = module.losses(batch.of(number))
        parameters = dict(module.network.named_parameters())
        for task, loss in enumerate(own):
            found = torch.autograd.grad(
                loss, [parameters[p.name] for p in stack.places], retain_graph=True, allow_unused=True
            )
            flat = [torch.zeros(p.shape) if g is None else g for p, g in zip(stack.places, found, strict=True)]
            expected = torch.cat([one.flatten() for one in flat])
            torch.testing.assert_close(by_task[task, number], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(torch.stack([loss[number] for loss in losses]), torch.stack(own))
    torch.testing.assert_close(stack.gradients, torch.einsum("rk,krp->rp", weights, by_task), rtol=1e-4, atol=1e-4)
    stack.write_weighted(by_task, weights, weights)
    torch.testing.assert_close(stack.gradients, torch.einsum("rk,krp->rp", weights, by_task), rtol=1e-4, atol=1e-4)


def test_running_statistics_are_not_offered_and_stay_as_they_were(tmp_path: Path) -> None:
    modules, stack, loader = stacked(tmp_path, "model=hard", "encoder.norm=batch")
    before = {name: value.clone() for name, value in modules[1].network.named_buffers()}
    assert check_losses(stack, modules, loader) == "a network that keeps running statistics"
    for name, value in modules[1].network.named_buffers():
        torch.testing.assert_close(value, before[name])


def test_private_gradients_have_factors_of_their_own(tmp_path: Path) -> None:
    _, stack, loader = stacked(tmp_path, "model=hard")
    losses = stack.loss_sums(next(iter(loader)))
    found = stack.task_gradients(losses)
    weights, private = torch.tensor([[0.5, 1.0, 2.0]] * 2), torch.ones(2, 3)
    stack.write_weighted(found, weights, private)
    assert not PCGrad.weights_private
    for task, (start, end) in enumerate(stack.parts[1:]):
        torch.testing.assert_close(stack.gradients[:, start:end], found[task][:, start:end])


def test_what_a_loss_depends_on_outside_of_the_network_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = nn.Linear(16, 16)
    monkeypatch.setattr(Hard, "forward", lambda one, x: dict.fromkeys(one.task_names, layer(one.trunk(x))))
    modules, stack, loader = stacked(tmp_path, "model=hard", "encoder.widths=[16]")
    assert check_losses(stack, modules, loader) == "a network that depends on parameters which are no part of it"
