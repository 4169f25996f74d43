"""One trunk, with small layers of each task's own inside it."""

from collections.abc import Sequence

from torch import Tensor, nn

from mtl.config.numbers import check_number
from mtl.nn.encoder import InputShape
from mtl.sharing.base import EncoderFactory
from mtl.sharing.trunk import PerStage


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


class Adapters(PerStage):
    """Task adapters: one trunk, and after every stage a bottleneck of each task's own.

    Source: Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019,
    https://arxiv.org/abs/1902.00751; several tasks on one trunk as in Rebuffi, Bilen, Vedaldi, "Learning multiple
    visual domains with residual adapters", NeurIPS 2017, https://arxiv.org/abs/1705.08045.

    Starts as hard sharing. The first stage is computed once, the later ones once per task.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
        bottleneck: features inside an adapter.
        freeze: the trunk stays as it is (for a pretrained one); only adapters, norms of each task's own and the heads
            learn.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        bottleneck: int = 32,
        freeze: bool = False,
    ) -> None:
        check_number("model.bottleneck", bottleneck, whole=True, least=1)
        super().__init__(input_shape, task_names, encoder, lambda features: Adapter(features, bottleneck), freeze)
