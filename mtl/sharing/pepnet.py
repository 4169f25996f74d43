"""Towers of the tasks on one embedding, scaled row by row by gates that read the row."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Encoder, Inputs, InputShape
from mtl.sharing.base import EncoderFactory, Sharing

MOST = 2.0  # gamma: the largest factor of a gate


class GateUnit(nn.Module):
    """Factors of features by what a row is: ``gamma sigmoid(V' relu(V s))``, at first 1; ``[B, S] -> [B, H]``."""

    def __init__(self, features: int, hidden: int, out_features: int) -> None:
        super().__init__()
        self.cross = nn.Linear(features, hidden)
        self.out = nn.Linear(hidden, out_features)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, summary: Tensor) -> Tensor:
        """The factors, between 0 and gamma."""
        return MOST * torch.sigmoid(self.out(self.cross(summary).relu()))


class PEPNet(Sharing):
    """Parameter personalized towers: ``h_i <- delta_il(x) * stage_il(h_i)`` for task i at every stage l.

    Source: Chang, Zhang, Hui, Leng, Niu, Song, Gai, "PEPNet: Parameter and Embedding Personalized Network for Infusing
    with Personalized Prior Information", KDD 2023, https://arxiv.org/abs/2302.01115 (its PPNet).

    The embedding, all that comes before the stages of the encoder, is shared; the stages are each task's own.
    ``delta_il(x) [B, H_l] = gamma sigmoid(V'_il relu(V_il s(x)))`` with ``gamma = 2`` and the encoder's parameter-free
    summary ``s(x) [B, S]`` of the row: what a person or an article is turns features of each task up or down. With an
    encoder that has no parameters before its stages, such as ``mlp``, nothing is shared. Starts as towers without
    gates, and with ``hidden=0`` stays so: the network of ESMM (Ma, Zhao, Huang, Wang, Hu, Zhu, Gai, "Entire Space
    Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion Rate", SIGIR 2018,
    https://arxiv.org/abs/1804.07931), whose product of two probabilities is a head, :func:`mtl.tasks.conditional`.

    Deviations:
        - gates read the summary, and no gradient reaches the embedding through them; in the paper they read vectors of
          the user, the item and its author, and the embedding without gradient;
        - the last layer of a gate begins with zeros, so that all factors are 1;
        - no gate on the embedding by the domain of a row (the paper's EPNet): a suite is one domain.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        hidden: features inside a gate; 0: no gates.
    """

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, hidden: int = 32
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        check_number("model.hidden", hidden, whole=True, least=0)
        encoders = [encoder(input_shape) for _ in self.task_names]
        self.towers = ModulesByName({name: one.stages for name, one in zip(self.task_names, encoders, strict=True)})
        self.embedding: Encoder = encoders[0]  # without its stages, which are a task's
        self.embedding.stages = nn.ModuleList()
        self.out_features = self.embedding.out_features
        features, widths = self.embedding.summary_features, self.embedding.widths
        sizes = widths if hidden else ()
        self.gates = ModulesByName(
            {name: nn.ModuleList(GateUnit(features, hidden, size) for size in sizes) for name in self.task_names}
        )

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        start, summary = self.embedding.stem(inputs), self.embedding.summary(inputs)
        out = {}
        for name in self.task_names:
            hidden = start
            stages, gates = cast(nn.ModuleList, self.towers[name]), cast(nn.ModuleList, self.gates[name])
            for number, stage in enumerate(stages):
                hidden = stage(hidden, inputs)
                if gates:
                    factors = gates[number](summary)
                    for _ in range(hidden.dim() - 2):  # the same at every position of a state
                        factors = factors.unsqueeze(1)
                    hidden = hidden * factors
            out[name] = hidden
        return out

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        yield from self.towers[task].parameters()
        yield from self.gates[task].parameters()

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.embedding.parameters()
