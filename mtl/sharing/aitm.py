"""A chain of tasks, each of which may draw on what the one before it knows."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor
from mtl.errors import InputError, unknown
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Encoder, Inputs, InputShape
from mtl.sharing.base import EncoderFactory, Sharing


class Transfer(nn.Module):
    """Attention over a task's own features and those handed on by the task before: two ``[B, ..., D]`` to one."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.hand_on = nn.Linear(features, features)
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)

    def forward(self, features: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """The mixture, and the weights ``[B, ..., 2]`` of own and handed-on features."""
        both = torch.stack([features, self.hand_on(previous).relu()], -2)  # [B, ..., 2, D]
        score = (self.query(both) * self.key(both)).sum(-1) / both.shape[-1] ** 0.5
        weights = score.softmax(-1)
        return (weights.unsqueeze(-1) * self.value(both)).sum(-2), weights


class AITM(Sharing):
    """Adaptive information transfer along a chain: ``f_k = attention(t_k(x), relu(G_k f_(k-1)))``, ``f_1 = t_1(x)``.

    Source: Xi et al., "Modeling the Sequential Dependence among Audience Multi-step Conversions with Multi-task
    Learning in Targeted Display Advertising", KDD 2021, https://arxiv.org/abs/2105.08489.

    For tasks that follow one another (seen, clicked, bought): t_k is the task's own encoder. The attention weights of
    own and handed-on features are ``softmax over u of <q(u), k(u)> / sqrt(D)``. Gradients go back along the chain, so
    all but the last task's parameters are shared.

    The behavioural expectation calibrator penalises a later event that is more probable than the one before it:
    ``calibrate * sum_k mean over rows max(p_k - p_(k-1), 0)``. With tasks made by :func:`mtl.tasks.conditional` that
    cannot happen, and it is not needed.

    Deviations: no embedding below the towers that all share; ``G_k`` is one linear layer with relu; q, k and v have
    biases, where the authors' code (https://github.com/xidongbo/AITM) has matrices alone. For the calibrator, which
    needs the predictions, the network is run once more.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        order: all tasks in the order of the chain; empty means the suite's order.
        calibrate: factor of the calibrator, 0.6 in the paper; more than 0 needs tasks of probabilities.
    """

    use: Tensor

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        order: Sequence[str] = (),
        calibrate: float = 0.0,
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        if isinstance(order, str) or not isinstance(order, Sequence):
            raise InputError(f"model.order={order}: expected a list of all tasks, or an empty one")
        self.order = tuple(order) or self.task_names
        for name in self.order:
            if name not in self.task_names:
                raise unknown("task in model.order", name, self.task_names)
        if len(self.order) != len(self.task_names) or len(set(self.order)) != len(self.order):
            raise InputError(f"model.order={list(self.order)}: expected every task once: {', '.join(self.task_names)}")
        check_factor("model.calibrate", calibrate, least=0)
        self.calibrate = calibrate
        self.encoders = ModulesByName({name: encoder(input_shape) for name in self.task_names})
        self.out_features = self._encoder(self.order[0]).out_features
        self.transfers = ModulesByName({name: Transfer(self.out_features) for name in self.order[1:]})
        self.register_buffer("use", torch.tensor([[1.0, 0.0]]).repeat(len(self.task_names), 1), persistent=False)

    def _encoder(self, name: str) -> Encoder:
        return cast(Encoder, self.encoders[name])

    @override
    def expectations(self) -> Iterator[tuple[str, str, float]]:
        if self.calibrate:
            for before, name in zip(self.order, self.order[1:], strict=False):
                yield before, name, self.calibrate

    @override
    def mixture(self) -> Tensor:
        return self.use

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        out = {self.order[0]: self.encoders[self.order[0]](inputs)}
        use = {self.order[0]: self.use.new_tensor([1.0, 0.0])}
        for before, name in zip(self.order, self.order[1:], strict=False):
            out[name], weights = self.transfers[name](self.encoders[name](inputs), out[before])
            use[name] = weights.detach().flatten(0, -2).mean(0)
        self.use.copy_(torch.stack([use[name] for name in self.task_names]))
        return {name: out[name] for name in self.task_names}

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        if task == self.order[-1]:
            yield from self.encoders[task].parameters()
            yield from self.transfers[task].parameters() if task in self.transfers else ()

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        # Of the encoders, the losses of all tasks reach the first one alone
        return self._encoder(self.order[0]).stages[-1].parameters() if len(self.order) > 1 else iter(())
