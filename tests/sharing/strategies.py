"""Sharing strategies of conf/model on encoders of conf/encoder, small, for the tests of their properties."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf
from torch import nn

from mtl.config.compose import target_of
from mtl.config.factories import instantiate_node
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs, InputShape
from mtl.sharing.base import Sharing
from mtl.testing.strategies import ROWS, TASKS, disturbed, reached

CONF = Path(__file__).parents[2] / "conf"

# One shape of sample for each kind of input that an encoder may read
SHAPES: dict[str, InputShape] = {
    "set": {"candidates": (None, 5), "mask": (None,), "context": (3,)},
    "text": {"tokens": (None,), "mask": (None,)},
    "table": {"numbers": (4,), "categories": (2,)},
    "flat": {SINGLE: (6,)},
    "picture": {SINGLE: (1, 6, 5)},
}
# Sizes that keep every encoder small, by the name of its argument; the others stay as they are in the YAML
SMALL: dict[str, Any] = {
    "widths": [8, 6, 6],  # two stages of unlike width, two of like width
    "width": 8,
    "depth": 2,
    "heads": 2,
    "vocabulary": 20,
    "length": 8,
    "values": 4,
    "network": "test_convnext",  # without batch norm
    "side": 32,
}


def options(group: str) -> list[str]:
    """The names of the YAML files of a group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def is_strategy(model: str) -> bool:
    """Whether a model shares parameters of a network; what is no :class:`Sharing` has no network."""
    target = get_object(str(target_of(CONF / "model" / f"{model}.yaml", "model")))
    return isinstance(target, type) and issubclass(target, Sharing)


@cache
def encoder(name: str) -> Callable[[InputShape], Any]:
    """An encoder factory, as a run has it, but small."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "encoder" / f"{name}.yaml"))
    node |= {key: value for key, value in SMALL.items() if key in node}
    factory: Callable[[InputShape], Any] = instantiate_node(node, "encoder")
    return factory


def fitting() -> Iterator[tuple[str, str]]:
    """Every encoder with the first kind of input that it can read."""
    for name in options("encoder"):
        for kind, shape in SHAPES.items():
            try:
                encoder(name)(shape)
            except InputError:
                continue
            yield name, kind
            break


ALL_FITTING = list(fitting())
# What a strategy sees of these is what it sees of another encoder of tables: stages of vectors, or of sets and a vector
ALIKE = {"ft_transformer", "piecewise", "realmlp"}
FITTING = [(name, kind) for name, kind in ALL_FITTING if name not in ALIKE]

# common_start is single_task but for its initial values: see test_common_start.py
MODELS = [name for name in options("model") if is_strategy(name) and name != "common_start"]
every_pair = pytest.mark.parametrize(("trunk", "kind"), FITTING, ids=["-".join(pair) for pair in FITTING])
every_model = pytest.mark.parametrize("model", MODELS)


def strategy(model: str, **changes: Any) -> Any:
    """The factory of a strategy as a run has it, with some arguments changed."""
    return instantiate_node(deepcopy(node_of(model)) | changes, "model")


@cache
def node_of(model: str) -> dict[str, Any]:
    """What the file of a strategy says."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{model}.yaml"))
    return node


def build(model: str, trunk: str, kind: str, names: tuple[str, ...] = TASKS, **changes: Any) -> Sharing:
    """The strategy as a run has it, with some arguments changed."""
    sharing: Sharing = strategy(model, **changes)(SHAPES[kind], names, encoder(trunk))
    return sharing


def seeded(model: str, trunk: str, kind: str, **changes: Any) -> Sharing:
    """Built from one random state, so that encoders built in the same order start with the same values."""
    torch.manual_seed(3)
    return build(model, trunk, kind, **changes)


def sample(kind: str, rows: int = ROWS) -> Inputs:
    """Random inputs; in a set, some members are padding."""
    if kind in ("flat", "picture"):
        return {SINGLE: torch.randn(rows, *(size or 1 for size in SHAPES[kind][SINGLE]))}
    if kind == "table":
        numbers = torch.randn(rows, 4)
        numbers[::2, 1] = torch.nan
        return {"numbers": numbers, "categories": torch.randint(-1, 4, (rows, 2))}
    mask = torch.arange(4).expand(rows, 4) <= torch.arange(rows).unsqueeze(1) % 4
    if kind == "text":
        return {"tokens": torch.randint(0, 20, (rows, 4)) * mask, "mask": mask}
    return {"candidates": torch.randn(rows, 4, 5) * mask.unsqueeze(-1), "mask": mask, "context": torch.randn(rows, 3)}


def assert_same(one: nn.Module, other: nn.Module, inputs: Inputs) -> None:
    """Both give every task the same in evaluation."""
    one.eval()
    other.eval()
    for (_, left), (_, right) in zip(one(inputs).items(), other(inputs).items(), strict=True):
        torch.testing.assert_close(left, right)


def assert_starts_as(other: str, model: str, trunk: str, kind: str, **changes: Any) -> None:
    """Before it has learned anything, a strategy with these arguments computes what another one does."""
    assert_same(seeded(model, trunk, kind, **changes), seeded(other, trunk, kind), sample(kind))


def assert_nothing_shared(sharing: Sharing, kind: str) -> None:
    """Every parameter is declared private, and reached by its task alone."""
    assert list(sharing.shared_parameters()) == list(sharing.last_shared_layer()) == []
    found = reached(sharing, sample(kind, 12))
    for name in TASKS:
        assert {id(p) for p in sharing.private_parameters(name)} == found[name]


def assert_gates_sum_to_one(model: str, trunk: str, kind: str) -> None:
    """The use of the experts over a batch is positive and sums to 1 for every task, at every stage."""
    sharing = disturbed(build(model, trunk, kind))
    sharing(sample(kind))
    stages = sharing.mixtures()
    assert stages
    for stage in stages:
        torch.testing.assert_close(stage.sum(1), torch.ones(len(TASKS)))
        assert (stage >= 0).all()
