"""A network per task, held close to one another by a penalty."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor
from mtl.errors import unknown, without_effect
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Encoder, Inputs, InputShape
from mtl.sharing.base import EncoderFactory, RowMean, Sharing, mean_of_these

DISTANCES = ("l2", "trace")
SMALLEST = 1e-12  # squared singular values below this are taken as 0, where the root has no derivative


class SoftDistance(Sharing):
    """Soft parameter sharing by distance: ``f_i(x) = W_i x`` with a penalty on how far apart the ``W_i`` lie.

    Sources: ``l2`` after Duong, Cohn, Bird, Cook, "Low Resource Dependency Parsing", ACL 2015,
    https://aclanthology.org/P15-2139; ``trace`` after Yang, Hospedales, "Trace Norm Regularised Deep Multi-Task
    Learning", ICLR workshop 2017, https://arxiv.org/abs/1606.04038.

    With ``W [K, P]`` one parameter tensor of all tasks, flattened, the penalty sums over the tensors ``l2: sum_i |W_i -
    mean_j W_j|^2``, which is ``1 / K`` of the squared distances of all pairs, or ``trace:`` the sum of the singular
    values of ``W`` (the paper's last-axis flattening), which pulls the tasks into few common directions. With strength
    0 this is single-task learning.

    The towers are joined by the penalty alone: no task's loss reaches another's parameters, so none counts as shared.
    Weightings that compare the tasks' gradients of shared parameters have nothing to compare here, and say so in one
    line: what the tasks want never conflicts, and the penalty is not a task. The towers are not one batched product
    either, as a parameter that stacks them would be shared.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        strength: factor of the penalty, 0 or more.
        distance: ``l2`` or ``trace``.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        strength: float = 0.001,
        distance: str = "l2",
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        if distance not in DISTANCES:
            raise unknown("model.distance", distance, DISTANCES)
        check_factor("model.strength", strength, least=0)
        if strength == 0 and distance != DISTANCES[0]:
            raise without_effect("model.distance", distance, "model.strength above 0")
        self.strength = strength
        self.distance = distance
        self.encoders = ModulesByName({name: encoder(input_shape) for name in self.task_names})
        self.out_features = cast(Encoder, self.encoders[self.task_names[0]]).out_features

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        return {name: self.encoders[name](inputs) for name in self.task_names}

    @override
    def penalty(self, batches: Sequence[Inputs] = (), mean: RowMean = mean_of_these) -> Tensor:
        if self.strength == 0 or len(self.task_names) == 1:
            return torch.zeros(())
        towers = [list(self.encoders[name].parameters()) for name in self.task_names]
        rows = [torch.stack([p.flatten() for p in tensors]) for tensors in zip(*towers, strict=True)]  # each [K, P]
        terms = [spread(each) if self.distance == "l2" else trace_norm(each) for each in rows]
        return self.strength * torch.stack(terms).sum()

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return self.encoders[task].parameters()

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return iter(())


def spread(rows: Tensor) -> Tensor:
    """Squared distances of the rows ``[K, P]`` from their mean, summed: ``[]``."""
    return (rows - rows.mean(0)).square().sum()


def trace_norm(rows: Tensor) -> Tensor:
    """The sum of the singular values of ``[K, P]``, from the K x K Gramian, as K is small: ``[]``."""
    squared: Tensor = torch.linalg.eigvalsh(rows @ rows.T)  # of the singular values
    return squared.clamp(min=SMALLEST).sqrt().sum()
