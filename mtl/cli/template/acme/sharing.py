"""A sharing strategy: which parameters serve which task."""

from collections.abc import Iterator, Sequence

from torch import Tensor, nn
from torch.nn import Parameter

from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory, Sharing


class OwnLayer(Sharing):
    """One trunk for all tasks, and on it one layer of each task's own: ``f_i(x) = tanh(A_i g(x) + b_i)``.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        width: features of the layer.
    """

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, width: int = 16
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        self.trunk = encoder(input_shape)
        self.own = ModulesByName({name: nn.Linear(self.trunk.out_features, width) for name in self.task_names})
        self.out_features = width

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        """Inputs to a representation for each task."""
        shared = self.trunk(inputs)  # [B, D]
        return {name: self.own[name](shared).tanh() for name in self.task_names}

    def private_parameters(self, task: str) -> Iterator[Parameter]:
        """What this task alone depends on; all else is shared."""
        return self.own[task].parameters()

    def last_shared_layer(self) -> Iterator[Parameter]:
        """Where some weightings compare the tasks' gradients."""
        return self.trunk.stages[-1].parameters()
