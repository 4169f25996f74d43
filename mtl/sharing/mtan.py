"""One trunk; each task attends to the features of every stage."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory, Sharing


class Attention(nn.Module):
    """A mask over a stage's features, from them and what the task has gathered: ``sigmoid(U relu(V [h, z])) * h``."""

    def __init__(self, features: int, gathered: int, bottleneck: int) -> None:
        super().__init__()
        self.read = nn.Linear(features + gathered, bottleneck)
        self.mask = nn.Linear(bottleneck, features)

    def forward(self, hidden: Tensor, gathered: Tensor) -> Tensor:
        """Trunk features ``[B, ..., H]`` and the task's ``[B, ..., H']`` to the features it keeps, ``[B, ..., H]``."""
        seen = torch.cat([hidden, gathered], -1)
        mask: Tensor = self.mask(self.read(seen).relu()).sigmoid()
        return mask * hidden


class MTAN(Sharing):
    """Attention on the trunk's stages: ``z_i^l = a_i^l * h^l`` with ``a_i^l = sigmoid(U relu(V [h^l, z_i^(l-1)]))``.

    Source: Liu, Johns, Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019,
    https://arxiv.org/abs/1803.10704.

    ``h^l`` are the features of the shared trunk after stage l, computed once for all tasks, ``z_i^l`` what task i has
    gathered; the representation is ``f_i = z_i^L``.

    Deviations: the paper's attention is made for one convolutional network: it reads a block's first features and masks
    its last, and convolves and pools what was gathered on its way to the next block. Here a stage has one output, and
    what was gathered goes to the next stage as it is, averaged over its places where the stages' places differ; no
    batch norm.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        bottleneck: features inside an attention layer.
    """

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, bottleneck: int = 64
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        check_number("model.bottleneck", bottleneck, whole=True, least=1)
        self.trunk = encoder(input_shape)
        self.out_features = self.trunk.out_features
        widths = self.trunk.widths
        self.private = ModulesByName(
            {
                name: nn.ModuleList(
                    Attention(w, past, bottleneck) for past, w in zip((0, *widths), widths, strict=False)
                )
                for name in self.task_names
            }
        )

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        hidden, states = self.trunk.stem(inputs), []
        for stage in self.trunk.stages:
            hidden = stage(hidden, inputs)
            states.append(hidden)
        out = {}
        for name in self.task_names:
            gathered = states[0][..., :0]
            for state, attention in zip(states, cast(nn.ModuleList, self.private[name]), strict=True):
                gathered = attention(state, placed(gathered, state))
            out[name] = gathered
        return out

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return self.private[task].parameters()

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.trunk.stages[-1].parameters()


def placed(gathered: Tensor, like: Tensor) -> Tensor:
    """What was gathered at the places ``[B, ...]`` of another state: as it is, or its average at every place."""
    if gathered.shape[1:-1] == like.shape[1:-1]:
        return gathered
    average = gathered.flatten(1, -2).mean(1) if gathered.dim() > 2 else gathered  # [B, H']
    for _ in range(like.dim() - 2):
        average = average.unsqueeze(1)
    return average.expand(*like.shape[:-1], -1)
