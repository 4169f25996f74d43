"""Blocks at every stage, of which each task learns its path (learning to branch)."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor, check_number
from mtl.errors import without_effect
from mtl.nn.by_name import ParametersByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.gates import combine
from mtl.nn.towers import Towers
from mtl.sharing.base import EncoderFactory, Sharing

USUAL = {"temperature": 5.0, "final": 0.5, "half_life": 200.0}  # where nothing is said
SMALLEST = 1e-6  # keeps the logarithms of the noise finite


class LearningToBranch(Sharing):
    """Learning to branch: every block chooses its parent in the stage before, every task its last block.

    Source: Guo, Lee, Ulbricht, "Learning to Branch for Multi-Task Learning", ICML 2020,
    https://arxiv.org/abs/2006.01895.

    There are C blocks at each stage. A block reads ``sum_p softmax((a_cp + noise) / tau)_p h_p`` over the blocks p
    of the stage before, with Gumbel noise in training and none in evaluation; tasks choose among the blocks of the last
    stage likewise. The temperature falls from ``temperature`` to ``final``, halving its distance every ``half_life``
    training batches, so that choices become firm: a tree grows out of the net (:meth:`branches`).

    Deviation: the paper takes the tree of the highest ``a`` and trains it anew; here the net is kept as it is.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        blocks: C; 0 means one per task.
        temperature: of the choices at first.
        final: the temperature that it falls to.
        half_life: training batches after which half of the way is gone.
    """

    passes: Tensor

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        blocks: int = 0,
        temperature: float = USUAL["temperature"],
        final: float = USUAL["final"],
        half_life: float = USUAL["half_life"],
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        check_number("model.blocks", blocks, whole=True, least=0)
        check_factor("model.temperature", temperature, above=0)
        check_factor("model.final", final, above=0, most=temperature)
        check_factor("model.half_life", half_life, above=0)
        count = blocks or len(self.task_names)
        given = {"temperature": temperature, "final": final, "half_life": half_life}
        for option, value in given.items() if blocks == 1 else ():
            if value != USUAL[option]:
                raise without_effect(f"model.{option}", value, "model.blocks=2 or more")
        self.towers = Towers([encoder(input_shape) for _ in range(count)])
        self.out_features = self.towers.widths[-1]
        self.parents = nn.ParameterList(Parameter(torch.zeros(count, count)) for _ in range(self.towers.depth - 1))
        self.leaves = ParametersByName({name: Parameter(torch.zeros(count)) for name in self.task_names})
        self.temperature = temperature
        self.final = final
        self.half_life = half_life
        self.register_buffer("passes", torch.zeros(()))  # training batches seen

    def choice(self, logits: Tensor) -> Tensor:
        """Weights along the last axis, by the temperature of the present batch; with noise in training."""
        if self.training:
            noise = torch.rand_like(logits).clamp(SMALLEST, 1 - SMALLEST)
            logits = logits - (-noise.log()).log()
        return self._softmax(logits)

    def _softmax(self, logits: Tensor) -> Tensor:
        temperature = self.final + (self.temperature - self.final) * torch.exp2(-self.passes / self.half_life)
        return (logits / temperature).softmax(-1)

    @override
    def mixture(self) -> Tensor:
        leaves = torch.stack([self.leaves[name].detach() for name in self.task_names])
        return self._softmax(leaves)

    def branches(self) -> dict[str, list[int]]:
        """The block of each stage that each task most likely goes through, first stage first."""
        out = {}
        for name in self.task_names:
            path = [int(self.leaves[name].argmax())]
            for parents in reversed(list(self.parents)):
                path.insert(0, int(parents[path[0]].argmax()))
            out[name] = path
        return out

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        if self.training:
            self.passes += 1
        hidden = self.towers.first_stage(inputs)
        for index, parents in enumerate(self.parents, start=1):
            hidden = self.towers.stage(index, combine(self.choice(parents), hidden), inputs)  # [C, B, ..., H]
        leaves = self.choice(torch.stack([self.leaves[name] for name in self.task_names]))  # [K, C]
        return dict(zip(self.task_names, combine(leaves, hidden), strict=True))  # of [K, B, ..., D]

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return iter((self.leaves[task],))

    @override
    def idle_parameters(self) -> Iterator[Parameter]:
        return iter((*self.parents, *self.leaves.parameters()) if self.towers.count == 1 else ())

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.towers.last_stage()
