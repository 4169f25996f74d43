"""One trunk, its weights multiplied by each task's own."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import Parameter
from typing_extensions import override

from mtl.errors import InputError
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory
from mtl.sharing.trunk import OneTrunk


class STAR(OneTrunk):
    """Star topology: task i runs every stage with weights ``W * W_i`` and biases ``b + b_i``.

    Source: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR Prediction",
    CIKM 2021, https://arxiv.org/abs/2101.11427.

    W and b, in the centre of the star, learn from all tasks, ``W_i`` and ``b_i`` from task i alone; the product is
    number by number. What comes before the stages, such as the vectors of a table's categories, is shared as it is.
    Starts as hard sharing. The whole trunk is computed once per task.

    Deviations:
        - the paper's domains are tasks here, as every row has labels of some tasks;
        - ``W_i`` begins with ones and ``b_i`` with zeros; the paper leaves that open;
        - scales of norms are multiplied and their shifts added as in its partitioned normalization, whose statistics of
          each domain are ``encoder.norm=per_task``;
        - no auxiliary network beside the trunk, which there adds a number to the logit by the domain: each task has a
          head of its own here.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
    """

    def __init__(self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory) -> None:
        super().__init__(input_shape, task_names, encoder)
        own = {id(p) for p in self.trunks.private_parameters(self.task_names[0])}
        self.keys = tuple(
            key
            for key, p in self.trunks.trunk.named_parameters()
            if key.startswith("stages.") and id(p) not in own and p.requires_grad
        )
        if not self.keys:
            raise InputError("model=star: the stages of this encoder have no parameters to multiply")
        base = dict(self.trunks.trunk.named_parameters())
        self.private = ModulesByName(
            {
                name: nn.ParameterList(
                    Parameter(torch.zeros_like(base[key]) if is_bias(key) else torch.ones_like(base[key]))
                    for key in self.keys
                )
                for name in self.task_names
            }
        )

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        base = dict(self.trunks.trunk.named_parameters())
        out = {}
        for name in self.task_names:
            own = cast(nn.ParameterList, self.private[name])
            moved = {
                key: base[key] + part if is_bias(key) else base[key] * part
                for key, part in zip(self.keys, own, strict=True)
            }
            out[name] = functional_call(self.trunks[name], moved, (inputs,))
        return out


def is_bias(key: str) -> bool:
    """Whether a parameter of this name is added to a result, and does not multiply anything."""
    return key.rpartition(".")[2].endswith(("bias", "shift"))
