"""A network per task; parts of their features are mixed after every stage, and stages are mixed at the end."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor, check_number
from mtl.errors import InputError, without_effect
from mtl.nn.by_name import ParametersByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.gates import combine
from mtl.sharing.base import EncoderFactory, RowMean, mean_of_these
from mtl.sharing.stitched import Stitched

ORTHOGONALITY = 0.001  # factor of the penalty, where none is said


class Sluice(Stitched):
    """Sluice networks: subspaces of the features flow between the tasks, and each task mixes its stages.

    Source: Ruder, Bingel, Augenstein, Soegaard, "Latent Multi-task Architecture Learning", AAAI 2019,
    https://arxiv.org/abs/1705.08142.

    The features of a state are cut into G subspaces ``h_ig``; after every stage ``h_ig <- sum_jf alpha_igjf h_jf``,
    with ``alpha [K, G, K, G]`` for each stage. The representation is ``f_i = sum_l softmax(beta_i)_l h_i^l`` over the
    stages l as wide as the last one (a state that has other places than the last is averaged over them). A penalty
    keeps the subspaces unlike: ``sum |V_g V_f'|^2`` over pairs of subspaces, with ``V_g`` the rows that make subspace g
    in every weight matrix that has as many rows as its stage has features.

    Deviation: stages are mixed by a softmax, where the paper's beta is any number, so that they can be read as shares.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        subspaces: G; divides the features of every stage.
        self_weight: how much of its own subspace a subspace keeps at the start, in [0, 1].
        orthogonality: factor of the penalty.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        subspaces: int = 2,
        self_weight: float = 0.9,
        orthogonality: float = ORTHOGONALITY,
    ) -> None:
        super().__init__(input_shape, task_names, encoder, self_weight)
        self.widths = self.towers.widths
        check_number("model.subspaces", subspaces, whole=True, least=1)
        check_factor("model.orthogonality", orthogonality, least=0)
        if any(width % subspaces for width in self.widths):
            raise InputError(f"model.subspaces={subspaces} does not divide the encoder's features {self.widths}")
        if subspaces == 1 and orthogonality not in (0, ORTHOGONALITY):
            raise without_effect("model.orthogonality", orthogonality, "model.subspaces=2 or more")
        self.subspaces = subspaces
        self.orthogonality = orthogonality
        tasks, depth = len(self.task_names), self.towers.depth
        start = self.start(tasks * subspaces).repeat(depth, 1, 1)
        self.spaces = Parameter(start.view(depth, tasks, subspaces, tasks, subspaces))
        self.ends = [i for i, width in enumerate(self.widths) if width == self.out_features]
        first = torch.full((len(self.ends),), (1 - self_weight) / max(len(self.ends) - 1, 1))
        first[-1] = self_weight
        mixed = self.task_names if len(self.ends) > 1 else ()
        self.betas = ParametersByName({name: Parameter(first.clamp(min=1e-3).log()) for name in mixed})

    @override
    def mixture(self) -> Tensor:
        return self.mixtures()[-1]

    @override
    def mixtures(self) -> list[Tensor]:
        return list(self.spaces.detach().sum((2, 4)) / self.subspaces)

    def _mixed(self, index: int, states: Tensor) -> Tensor:
        """States of the towers ``[K, B, ..., H]`` to those of the tasks."""
        parts = states.reshape(*states.shape[:-1], self.subspaces, -1).movedim(-2, 1)  # [K, G, B, ..., H / G]
        return combine(self.spaces[index], parts, dims=2).movedim(1, -2).flatten(-2)  # [K, B, ..., H]

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        hidden = self._mixed(0, self.towers.first_stage(inputs))
        seen = [hidden]
        for index in range(1, self.towers.depth):
            hidden = self._mixed(index, self.towers.stage(index, hidden, inputs))
            seen.append(hidden)
        if len(self.ends) > 1:
            ends = [placed(seen[index], hidden) for index in self.ends]
            betas = torch.stack([self.betas[name] for name in self.task_names]).softmax(1).to(hidden.dtype)  # [K, ends]
            columns = [beta.view(-1, *[1] * (hidden.dim() - 1)) for beta in betas.unbind(1)]
            hidden = torch.stack([column * end for column, end in zip(columns, ends, strict=True)]).sum(0)
        return dict(zip(self.task_names, hidden, strict=True))

    @override
    def penalty(self, batches: Sequence[Inputs] = (), mean: RowMean = mean_of_these) -> Tensor:
        if self.subspaces == 1 or self.orthogonality == 0:
            return torch.zeros(())
        terms = []
        for index, width in enumerate(self.widths):
            for matrices in self.towers.parameters_at(index):  # [K, out, ...]
                if matrices.dim() > 2 and matrices.shape[1] == width:
                    parts = matrices.flatten(2).chunk(self.subspaces, 1)  # each [K, H / G, in]
                    terms += [(one @ other.mT).square().sum() for one, other in combinations(parts, 2)]
        return self.orthogonality * torch.stack(terms).sum() if terms else torch.zeros(())

    @override
    def per_task_axes(self) -> Iterator[tuple[Parameter, int]]:
        yield from super().per_task_axes()
        yield from ((self.spaces, 1), (self.spaces, 3))

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return iter((self.betas[task],) if task in self.betas else ())


def placed(state: Tensor, like: Tensor) -> Tensor:
    """States ``[K, B, ..., H]`` at the places of others: as they are, or their average at every place."""
    if state.shape[2:-1] == like.shape[2:-1]:
        return state
    average = state.mean(tuple(range(2, state.dim() - 1)))  # [K, B, H]
    for _ in range(like.dim() - 3):
        average = average.unsqueeze(2)
    return average.expand_as(like)
