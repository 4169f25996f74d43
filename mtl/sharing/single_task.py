"""Nothing shared: one network per task, the baseline of every comparison."""

from collections.abc import Iterator, Sequence

from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory, Sharing


class SingleTask(Sharing):
    """K disjoint encoders: ``f_i(x) = W_i x``. Trained side by side, each learns as if it were alone."""

    def __init__(self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory) -> None:
        super().__init__(input_shape, task_names, encoder)
        encoders = {name: encoder(input_shape) for name in self.task_names}
        self.out_features = next(iter(encoders.values())).out_features
        self.encoders = ModulesByName(encoders)

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        return {name: self.encoders[name](inputs) for name in self.task_names}

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return self.encoders[task].parameters()

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return iter(())
