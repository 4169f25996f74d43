"""Towers on one embedding, scaled by gates that read the row."""

import pytest
import torch

from mtl.errors import InputError
from mtl.sharing.pepnet import PEPNet
from mtl.testing.strategies import disturbed
from tests.sharing.strategies import TASKS, assert_nothing_shared, assert_starts_as, build, sample


def test_starts_as_single_task_learning_where_nothing_is_embedded() -> None:
    """The gates are 1 at first."""
    assert_starts_as("single_task", "pepnet", "mlp", "flat")
    assert_nothing_shared(disturbed(build("pepnet", "mlp", "flat")), "flat")


def test_the_embedding_of_a_table_is_what_is_shared() -> None:
    """And nothing else."""
    sharing = build("pepnet", "tabular", "table")
    assert isinstance(sharing, PEPNet)
    assert {id(p) for p in sharing.shared_parameters()} == {id(p) for p in sharing.embedding.embeddings.parameters()}


def test_features_are_those_of_the_formula() -> None:
    """``h <- 2 sigmoid(V' relu(V s)) * stage(h)``, layer by layer by hand."""
    sharing = disturbed(build("pepnet", "tabular", "table"))
    assert isinstance(sharing, PEPNet)
    inputs = sample("table")
    out = sharing(inputs)
    summary = sharing.embedding.summary(inputs)
    for name in TASKS:
        hidden = sharing.embedding.stem(inputs)
        for stage, gate in zip(sharing.towers[name], sharing.gates[name], strict=True):
            crossed = torch.relu(summary @ gate.cross.weight.T + gate.cross.bias)
            factors = 2 / (1 + torch.exp(-(crossed @ gate.out.weight.T + gate.out.bias)))
            hidden = factors * torch.relu(hidden @ stage.linear.weight.T + stage.linear.bias)
        torch.testing.assert_close(out[name], hidden)


def test_without_gates_there_are_towers_on_one_embedding() -> None:
    """The network of ESMM."""
    sharing = disturbed(build("pepnet", "tabular", "table", hidden=0))
    assert isinstance(sharing, PEPNet)
    inputs = sample("table")
    out = sharing(inputs)
    for name in TASKS:
        hidden = sharing.embedding.stem(inputs)
        for stage in sharing.towers[name]:
            hidden = torch.relu(hidden @ stage.linear.weight.T + stage.linear.bias)
        torch.testing.assert_close(out[name], hidden)
    assert not [name for name, _ in sharing.named_parameters() if "gate" in name]


def test_mistakes_are_one_line() -> None:
    with pytest.raises(InputError, match=r"model\.hidden=-1: expected a whole number, 0 or more"):
        build("pepnet", "mlp", "flat", hidden=-1)
