"""One trunk, its weights multiplied by each task's own."""

from functools import partial

import torch

from mtl.nn.encoder import SINGLE
from mtl.nn.tabular import Tabular
from mtl.sharing.star import STAR
from mtl.testing.strategies import disturbed
from tests.sharing.strategies import FITTING, TASKS, assert_starts_as, build, sample


def test_starts_as_one_trunk() -> None:
    for trunk, kind in FITTING:
        assert_starts_as("hard", "star", trunk, kind)


def test_weights_are_those_of_the_formula() -> None:
    """Layer by layer by hand: ``relu((W * W_i) h + b + b_i)``."""
    sharing = disturbed(build("star", "mlp", "flat"))
    assert isinstance(sharing, STAR)
    inputs = sample("flat")
    out = sharing(inputs)
    base = dict(sharing.trunks.trunk.named_parameters())
    for name in TASKS:
        own = dict(zip(sharing.keys, sharing.private[name], strict=True))
        hidden = inputs[SINGLE]
        for layer in range(len(sharing.trunks.trunk.stages)):
            weight, bias = f"stages.{layer}.linear.weight", f"stages.{layer}.linear.bias"
            hidden = torch.relu(hidden @ (base[weight] * own[weight]).T + base[bias] + own[bias])
        torch.testing.assert_close(out[name], hidden)


def test_shifts_of_norms_by_source_are_added() -> None:
    """Of a norm too that names its parameters otherwise than torch's."""
    factory = partial(Tabular, widths=(4,), norm="per_task")
    sharing = STAR({"numbers": (3,), "source": (2,)}, TASKS, factory)
    own = dict(zip(sharing.keys, sharing.private[TASKS[0]], strict=True))
    assert not own["stages.0.norm.shift"].any()
    assert own["stages.0.norm.scale"].eq(1).all()
    with torch.no_grad():
        own["stages.0.norm.shift"].fill_(9.0)
    found = sharing.eval()({"numbers": torch.randn(5, 3), "source": torch.eye(2)[[0, 1, 1, 0, 1]]})
    assert found[TASKS[0]].min() > found[TASKS[1]].max()


def test_vectors_of_categories_are_shared_as_they_are() -> None:
    """No task has a table of its own."""
    sharing = build("star", "tabular", "table")
    assert isinstance(sharing, STAR)
    tables = {id(p) for p in sharing.trunks.trunk.embeddings.parameters()}
    assert tables <= {id(p) for p in sharing.shared_parameters()}
    assert not any(key.startswith("embeddings") for key in sharing.keys)
