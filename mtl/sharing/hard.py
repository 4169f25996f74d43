"""One trunk for all tasks."""

from collections.abc import Iterator, Sequence

from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.switches import check_switch
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory, Sharing


class Hard(Sharing):
    """Hard parameter sharing: one encoder g, and the heads on it.

    Source: Caruana, "Multitask Learning", Machine Learning 28, 1997, https://doi.org/10.1023/A:1007379606734.

    ``f_i(x) = g(x)``, or with ``residual`` ``f_i(x) = g(x) + h_i(g(x))`` where ``h_i`` is a linear layer of task i's
    own: the shared representation plus what the task needs besides.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        residual: add each task's own ``h_i``.
    """

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, residual: bool = False
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        check_switch("model.residual", residual)
        self.trunk = encoder(input_shape)
        self.out_features = width = self.trunk.out_features
        names = self.task_names if residual else ()
        self.private = ModulesByName({name: nn.Linear(width, width) for name in names})

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        shared = self.trunk(inputs)  # g(x), [B, ..., D]
        return {
            name: shared + self.private[name](shared) if name in self.private else shared for name in self.task_names
        }

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return self.private[task].parameters() if task in self.private else iter(())

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.trunk.stages[-1].parameters()
