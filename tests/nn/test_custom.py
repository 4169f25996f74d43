"""A module of the user's as an encoder."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mtl.assembly import build
from mtl.config.factories import instantiate_node
from mtl.errors import InputError
from mtl.nn.custom import CustomEncoder
from mtl.nn.encoder import SINGLE, Inputs, InputShape
from mtl.sharing.gated import Gated
from tests.support import tiny

SET: InputShape = {"candidates": (None, 5), "mask": (None,), "context": (3,)}


class Mine(nn.Module):
    """Somebody's network, which knows nothing of this project."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(6, width)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features."""
        return self.layer(inputs).tanh()


def test_a_module_of_ones_own_by_its_target() -> None:
    """As in a YAML: the module is built anew for every expert."""
    node = {
        "_target_": "mtl.nn.custom.CustomEncoder",
        "_partial_": True,
        "features": 7,
        "module": {"_target_": f"{Mine.__module__}.Mine", "_partial_": True, "width": 7},
    }
    sys.modules.setdefault(Mine.__module__, sys.modules[__name__])
    sharing = Gated({SINGLE: (6,)}, ("a", "b"), instantiate_node(node, "encoder", [Mine.__module__]), experts=3)
    out = sharing({SINGLE: torch.randn(4, 6)})
    assert out["a"].shape == (4, 7)
    assert len({p.data_ptr() for p in sharing.experts.parameters()}) == 6


def test_summary_of_a_set_for_a_module_of_ones_own() -> None:
    encoder = CustomEncoder(SET, nn.Identity, features=5)
    mask = torch.tensor([[True, False], [True, True]])
    inputs = {"candidates": torch.ones(2, 2, 5), "mask": mask, "context": torch.zeros(2, 3)}
    assert encoder.summary(inputs).tolist() == [[1.0] * 5 + [0.0] * 3] * 2
    assert encoder.summary_features == 8


def test_gates_read_whole_numbers_and_missing_ones_too() -> None:
    """As bytes of a picture, or numbers of a table whose gaps the module sees to."""
    encoder = CustomEncoder({"numbers": (2,), "categories": (1,)}, nn.Identity, features=5)
    table = {"numbers": torch.tensor([[torch.nan, 2.0]]), "categories": torch.tensor([[3]])}
    assert encoder.summary(table).tolist() == [[0.0, 2.0, 3.0]]
    picture = {SINGLE: torch.tensor([[[1, 2], [3, 255]]], dtype=torch.uint8)}
    assert CustomEncoder({SINGLE: (2, 2)}, nn.Identity, features=5).summary(picture).tolist() == [[1.0, 2, 3, 255]]


def test_a_module_returns_a_feature_at_least() -> None:
    with pytest.raises(InputError, match="features=0"):
        CustomEncoder({SINGLE: (3,)}, nn.Identity, 0)


def test_every_copy_is_a_module_of_its_own() -> None:
    """Copies that are one object share their weights, and a later run would begin with those of an earlier one."""
    net = nn.Linear(3, 5)
    CustomEncoder({SINGLE: (3,)}, lambda: net, 5)
    with pytest.raises(
        InputError, match=r"^encoder\.module: it gives the same Linear again, which is in use: expected"
    ):
        CustomEncoder({SINGLE: (3,)}, lambda: net, 5)
    with pytest.raises(InputError, match=r"^encoder\.module: .* and it makes a NoneType$"):
        CustomEncoder({SINGLE: (3,)}, lambda: None, 5)  # type: ignore[arg-type, return-value]


class Sum(nn.Module):
    """A network of several inputs."""

    def forward(self, inputs: Inputs) -> Tensor:
        """Features."""
        return inputs["a"] + inputs["b"]


def test_a_module_of_several_inputs_is_given_all_of_them() -> None:
    encoder = CustomEncoder({"a": (3,), "b": (3,)}, Sum, features=3)
    inputs = {"a": torch.ones(2, 3), "b": torch.full((2, 3), 2.0)}
    assert encoder(inputs).tolist() == [[3.0] * 3] * 2
    assert encoder.summary(inputs).tolist() == [[1.0] * 3 + [2.0] * 3] * 2


def test_a_module_where_what_makes_it_is_wanted_is_one_line(tmp_path: Path) -> None:
    """Of a strategy too, whose encoder is a class of torch's own."""
    with pytest.raises(InputError, match="expected what makes a module"):
        CustomEncoder({SINGLE: (3,)}, nn.Identity(), 5)  # type: ignore[arg-type]
    config = tiny(tmp_path)
    for node, said in (
        ({"_target_": "torch.nn.Identity", "_partial_": True}, "CustomEncoder, with the module"),
        ({"_target_": "torch.nn.Identity"}, "add _partial_: true"),
    ):
        with pytest.raises(InputError, match=said):
            build(config.changed(encoder=node, trust=["torch.nn"]))


def test_a_part_that_is_none_of_its_kind_is_one_line(tmp_path: Path) -> None:
    config, trust = tiny(tmp_path), ["torch.nn"]
    foreign = {"_target_": "torch.nn.Identity", "_partial_": True}  # takes any arguments
    for key, said in (("model", "subclass of mtl.Sharing, and Identity"), ("weighting", "subclass of mtl.Weighting")):
        with pytest.raises(InputError, match=f"{key}: expected a {said}"):
            build(config.changed(**{key: foreign}, trust=trust))
