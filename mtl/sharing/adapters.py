"""One trunk, with small layers of each task's own inside it."""

from collections.abc import Iterator, Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn import Parameter

from mtl.errors import InputError
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.trunks import Trunks
from mtl.sharing.base import EncoderFactory, Sharing


class Adapter(nn.Module):
    """A bottleneck with a residual around it, at first the identity: ``h + U relu(D h)``, ``[..., H] -> [..., H]``."""

    def __init__(self, features: int, bottleneck: int) -> None:
        super().__init__()
        self.down = nn.Linear(features, bottleneck)
        self.up = nn.Linear(bottleneck, features)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Adapted."""
        out: Tensor = hidden + self.up(self.down(hidden).relu())
        return out


class Adapters(Sharing):
    """Task adapters: one trunk, and after every stage a bottleneck of each task's own.

    Source: Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019,
    https://arxiv.org/abs/1902.00751; several tasks on one trunk as in Rebuffi, Bilen, Vedaldi, "Learning multiple
    visual domains with residual adapters", NeurIPS 2017, https://arxiv.org/abs/1705.08045.

    Starts as hard sharing. The first stage is computed once, the later ones once per task.

    Args:
        input_shape, task_names, encoder: see :class:`~mtl.sharing.base.Sharing`.
        bottleneck: features inside an adapter.
        freeze: the trunk stays as it is (for a pretrained one); only adapters and heads learn.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        bottleneck: int = 32,
        freeze: bool = False,
    ) -> None:
        super().__init__(input_shape, task_names, encoder)
        if bottleneck < 1:
            raise InputError(f"model.bottleneck={bottleneck}: at least 1 is needed")
        self.trunks = Trunks(encoder(input_shape), self.task_names)
        trunk = self.trunks.trunk
        if freeze:
            self.trunks.requires_grad_(False)
        self.out_features = trunk.out_features
        self.own = nn.ModuleDict(
            {name: nn.ModuleList(Adapter(w, bottleneck) for w in trunk.widths) for name in self.task_names}
        )

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        out = {}
        for name, state in self.trunks.first(inputs).items():
            own, *others = cast(nn.ModuleList, self.own[name])
            _, *later = self.trunks[name].stages
            hidden = own(state)
            for stage, adapter in zip(later, others, strict=True):
                hidden = adapter(stage(hidden, inputs))
            out[name] = hidden
        return out

    def private_parameters(self, task: str) -> Iterator[Parameter]:
        yield from self.own[task].parameters()
        yield from self.trunks.private_parameters(task)

    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.trunks.last_shared_layer()
