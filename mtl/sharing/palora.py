"""One trunk whose weight matrices are moved by a low-rank term of each task, as much as the task is preferred."""

from collections.abc import Iterator, Sequence
from typing import cast

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor, check_number
from mtl.errors import InputError
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.low_rank import LowRank, weight_matrices
from mtl.sharing.base import EncoderFactory
from mtl.sharing.preferring import Preferring


class PaLoRA(Preferring):
    """Pareto low-rank adapters: for the preference p the trunk has ``W + scale sum_k p_k U_k D_k`` in place of W.

    Source: Dimitriadis, Frossard, Fleuret, "Pareto Low-Rank Adapters: Efficient Multi-Task Learning with Preferences",
    ICLR 2025, https://arxiv.org/abs/2407.08056.

    ``U_k [out, r]`` and ``D_k [r, in]`` are the adapter of task k for each weight matrix W. All tasks are computed by
    one pass of one trunk; the loss of a step is ``sum_k p_k L_k``, ``weighting=cosmos weighting.mu=0``. So an adapter
    learns what its task needs in proportion to how much the task is preferred, and W what all of them need. At
    ``p = e_k`` the network is W with the adapter of task k alone. All parameters of the trunk and the adapters are
    shared: every task's loss reaches them.

    Starts as hard sharing, as U is 0. Any parameter of two or more axes is a weight matrix, its further axes (of a
    convolution) flattened.

    Deviations: p is drawn from a Dirichlet distribution, where the paper walks through a fixed grid whose points move
    from the middle to the corners in the course of training (its code has both); adapters have the learning rate of
    all, where the code gives them K times as much; heads have none; D begins with normal numbers, in the code with
    uniform ones; the code's scale is ``alpha / r``.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        rank: r, the rank of every adapter.
        scale: factor of the adapters, above 0.
        concentration: of the distribution that p is drawn from; see :class:`~mtl.sharing.preferring.Preferring`.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        rank: int = 4,
        scale: float = 1.0,
        concentration: float = 1.0,
    ) -> None:
        super().__init__(input_shape, task_names, encoder, concentration)
        check_number("model.rank", rank, whole=True, least=1)
        check_factor("model.scale", scale, above=0)
        self.scale = scale
        self.trunk = encoder(input_shape)
        self.out_features = self.trunk.out_features
        self.matrices = weight_matrices(self.trunk)
        if not self.matrices:
            raise InputError("model: this encoder has no weight matrix to adapt")
        self.adapters = ModulesByName(
            {
                name: nn.ModuleList(LowRank(rows, columns, rank) for rows, columns in self.matrices.values())
                for name in self.task_names
            }
        )

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        base = dict(self.trunk.named_parameters())
        shares = self.scale * self.preference
        moved: dict[str, Tensor] = {}
        adapters = [cast(nn.ModuleList, self.adapters[name]) for name in self.task_names]
        for place, key in enumerate(self.matrices):
            weight: Tensor = base[key]
            for share, own in zip(shares.unbind(), adapters, strict=True):
                weight = weight + share * own[place]().view_as(weight)
            moved[key] = weight
        hidden = functional_call(self.trunk, moved, (inputs,))  # [B, ..., D]
        return dict.fromkeys(self.task_names, hidden)

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        last = f"stages.{len(self.trunk.stages) - 1}."
        yield from self.trunk.stages[-1].parameters()
        for place, key in enumerate(self.matrices):
            if key.startswith(last):
                for name in self.task_names:
                    yield from cast(nn.ModuleList, self.adapters[name])[place].parameters()
