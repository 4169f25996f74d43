"""Nothing shared but the start: what is trained apart to be merged."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy

from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.errors import InputError
from mtl.nn.by_name import ModulesByName, StateByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.sharing.base import EncoderFactory, Sharing


class CommonStart(Sharing):
    """K disjoint encoders that begin with the same values, and these values.

    They are single-task networks in all but that. ``model=merged`` trains them and merges what they have learned since
    the start, which is therefore kept with them.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        start: a run directory, with whose trunk and heads the training begins; None: with random values. Whoever trains
            the network reads it (:mod:`mtl.lifecycle.common_start`).
        content: checksum of that run's network, as :mod:`mtl.config.contents` writes it down: another network in a
            directory of the same name makes another run. Nothing is made of it here.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        start: str | None = None,
        content: str | None = None,
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        if start is not None and not isinstance(start, str):
            raise InputError(f"model.start={start}: expected a run directory, or null")
        self.start_run = start
        first = encoder(input_shape)
        self.out_features = first.out_features
        self.encoders = ModulesByName({name: deepcopy(first) for name in self.task_names})
        self.start = StateByName(first.state_dict())

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        return {name: self.encoders[name](inputs) for name in self.task_names}

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return self.encoders[task].parameters()

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return iter(())

    def begin_with(self, trunk: Mapping[str, Tensor]) -> None:
        """Begin with the values of this trunk. RuntimeError if it is of another shape."""
        for encoder in self.encoders.values():
            encoder.load_state_dict(trunk)
        self.start = StateByName(trunk)
