"""What a strategy promises whose network is another one for every preference among the tasks."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor
from mtl.nn.encoder import InputShape
from mtl.sharing.base import EncoderFactory, Sharing


class Preferring(Sharing):
    """One network for all trade-offs: its parameters, or what they see, depend on a preference p ``[K]`` of sum 1.

    In training p is drawn anew in every step, ``p ~ Dirichlet(concentration, ..., concentration)``, and the weighting
    gets the same p. Otherwise it is the one that was chosen last by :meth:`choose`; until then all tasks count alike.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        concentration: of the distribution; 1: all preferences alike, below 1 more of those that favour one task.

    Attributes:
        drawn: p of the training step, ``[K]``.
        chosen: p otherwise, ``[K]``.
    """

    drawn: Tensor
    chosen: Tensor

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        concentration: float = 1.0,
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        check_factor("model.concentration", concentration, above=0)
        self.concentration = concentration
        for name in ("drawn", "chosen"):  # not in the state: the one is drawn anew, the other chosen by whoever asks
            uniform = torch.full((len(self.task_names),), 1 / len(self.task_names))
            self.register_buffer(name, uniform, persistent=False)

    @property
    def preference(self) -> Tensor:
        """P as it is now, ``[K]``."""
        return self.drawn if self.training else self.chosen

    def draw(self, preference: Tensor) -> None:
        """Train with this preference ``[K]`` until the next one."""
        self.drawn.copy_(preference)

    def choose(self, preference: Tensor) -> None:
        """Predict with this preference ``[K]`` from now on."""
        self.chosen.copy_(preference)

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        return iter(())  # the loss of every task reaches all of them
