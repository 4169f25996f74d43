"""One trunk that every task runs in its own way, as adapters, modulation and low-rank terms have it."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import cast

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor
from mtl.config.switches import check_switch
from mtl.errors import InputError
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.low_rank import weight_matrices
from mtl.nn.trunks import Trunks
from mtl.sharing.base import EncoderFactory, Sharing


class OneTrunk(Sharing):
    """A trunk, and modules of each task's own that change what it computes.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        freeze: the trunk stays as it is (for a pretrained one), with the running statistics of its batch norms; only
            what is the tasks' own learns.

    Attributes:
        trunks: the trunk as each task has it.
        private: by task, the modules that are its own; filled by the subclass.

    Raises:
        InputError: all of the trunk is to stay, and the encoder has parts that were made to learn.
    """

    private: nn.ModuleDict

    def __init__(
        self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory, freeze: bool = False
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        check_switch("model.freeze", freeze)
        trunk = encoder(input_shape)
        learns = {p.requires_grad for p in trunk.parameters()}
        if freeze and len(learns) == 2:  # the encoder itself says what of it learns, as encoder.tuning=lora does
            raise InputError(
                "model.freeze=true: the encoder has parts that are to learn beside a model that stays, and they would "
                "stay too: expected model.freeze=false, or encoder.tuning=frozen"
            )
        self.trunks = Trunks(trunk, self.task_names, freeze)
        self.out_features = self.trunks.trunk.out_features

    @override
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        yield from self.private[task].parameters()
        yield from self.trunks.private_parameters(task)

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.trunks.last_shared_layer()


class PerStage(OneTrunk):
    """A trunk with a layer of each task's own after every stage.

    The first stage is computed once, the later ones once per task.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        layer: builds such a layer, ``[..., H] -> [..., H]``, for H features.
        freeze: the trunk stays as it is; only what is the tasks' own learns.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        layer: Callable[[int], nn.Module],
        freeze: bool = False,
    ) -> None:
        super().__init__(input_shape, task_names, encoder, freeze)
        widths = self.trunks.trunk.widths
        self.private = ModulesByName(
            {name: nn.ModuleList(layer(width) for width in widths) for name in self.task_names}
        )

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        out = {}
        for name, state in self.trunks.first(inputs).items():
            first, *others = cast(nn.ModuleList, self.private[name])
            _, *later = self.trunks[name].stages
            hidden = first(state)
            for stage, layer in zip(later, others, strict=True):
                hidden = layer(stage(hidden, inputs))
            out[name] = hidden
        return out


class PerMatrix(OneTrunk):
    """A trunk that task i runs with ``W + scale M_i`` in place of every weight matrix W.

    Any parameter of two or more axes is a weight matrix, its further axes (of a convolution) flattened. The whole trunk
    is computed once per task.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        scale: factor of ``M_i``, above 0.
        freeze: the trunk stays as it is; only what is the tasks' own, and what makes the ``M_i``, learns.

    Attributes:
        matrices: rows and columns of every weight matrix, by the name of the parameter.

    Raises:
        InputError: the trunk has no weight matrix; a scale of 0 or less, with which nothing would be learned.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        scale: float = 1.0,
        freeze: bool = False,
    ) -> None:
        super().__init__(input_shape, task_names, encoder, freeze)
        check_factor("model.scale", scale, above=0)
        self.scale = scale
        self.matrices = weight_matrices(self.trunks.trunk)
        if not self.matrices:
            raise InputError("model: this encoder has no weight matrix to adapt")

    @abstractmethod
    def terms(self, task: str) -> Iterable[Tensor]:
        """``M_i`` of a task for each of the matrices, in their order, ``[rows, columns]``."""

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        base = dict(self.trunks.trunk.named_parameters())
        out = {}
        for name in self.task_names:
            moved = {
                key: base[key] + self.scale * term.view_as(base[key])
                for key, term in zip(self.matrices, self.terms(name), strict=True)
            }
            out[name] = functional_call(self.trunks[name], moved, (inputs,))
        return out
