"""Bottlenecks of each task's own in one trunk."""

from functools import partial
from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.nn.convolution import Convolution
from mtl.nn.mlp import MLP
from tests.sharing.strategies import SHAPES, TASKS, assert_starts_as, build, every_pair, sample, strategy


@every_pair
def test_starts_as_one_trunk(trunk: str, kind: str) -> None:
    assert_starts_as("hard", "adapters", trunk, kind)


def test_frozen_trunk_leaves_only_what_is_private() -> None:
    sharing = build("adapters", "mlp", "flat", freeze=True)
    assert not any(p.requires_grad for p in sharing.shared_parameters())
    assert all(p.requires_grad for name in TASKS for p in sharing.private_parameters(name))


def test_a_frozen_trunk_keeps_its_statistics() -> None:
    """Those of a pretrained one, by which it normalises in training too: without a warning, as nothing is mixed."""
    shape, trunk = SHAPES["picture"], partial(Convolution, widths=[8], norm="batch")
    sharing = strategy("adapters", freeze=True)(shape, TASKS, trunk)
    before = {key: value.clone() for key, value in sharing.trunks.state_dict().items()}
    inputs = sample("picture")
    for mode in (sharing, sharing.eval(), sharing.train()):
        in_training = mode(inputs)
        assert all(value.equal(before[key]) for key, value in mode.trunks.state_dict().items())
    for name, value in sharing.eval()(inputs).items():
        torch.testing.assert_close(in_training[name], value)
    own = strategy("adapters", freeze=True)(shape, TASKS, partial(Convolution, widths=[8], norm="per_task"))
    own(inputs)
    means = [value for key, value in own.state_dict().items() if key.endswith("running_mean")]
    assert all(mean.any() for mean in means)


@pytest.mark.parametrize("model", ["adapters", "lora", "mtl_lora"])
def test_norms_of_each_task_learn_in_a_frozen_trunk(model: str) -> None:
    trunk = partial(Convolution, widths=[8], norm="per_task")
    sharing = strategy(model, freeze=True)(SHAPES["picture"], TASKS, trunk)
    sum(out.square().sum() for out in sharing(sample("picture")).values()).backward()
    for name in TASKS:
        assert all(p.grad is not None for p in sharing.private_parameters(name))
        assert list(sharing.trunks.private_parameters(name))
    own = {id(p) for name in TASKS for p in sharing.trunks.private_parameters(name)}
    assert not any(p.requires_grad for p in sharing.trunks.parameters() if id(p) not in own)
    common = strategy(model, freeze=True)(
        SHAPES["picture"], TASKS, partial(Convolution, widths=[8], norm="per_task_statistics")
    )
    assert not any(p.requires_grad for p in common.trunks.parameters())


def test_batch_norm_over_several_tasks_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="encoder.norm=layer"):
        strategy("adapters")(SHAPES["flat"], TASKS, partial(MLP, widths=[8], norm="batch"))
    strategy("adapters")(SHAPES["flat"], TASKS, partial(MLP, widths=[8], norm="group"))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"bottleneck": 0}, "model.bottleneck=0"),
        ({"freeze": "false"}, "^model.freeze=false: expected true or false"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("adapters", "mlp", "flat", **changes)
