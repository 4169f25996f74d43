"""A head: from a representation to the prediction of one task."""

from torch import Tensor, nn

from mtl.nn.encoder import SINGLE, Inputs
from mtl.nn.heads import Head
from mtl.nn.pooling import pool


class WideHead(Head):
    """One number: linear in the representation, and in the row itself, which nothing else has to carry so far.

    Args:
        in_features: of the representation.
        columns: numbers of a row of the inputs.
    """

    message_features = 1

    def __init__(self, in_features: int, columns: int) -> None:
        super().__init__()
        self.deep = nn.Linear(in_features, 1)
        self.wide = nn.Linear(columns, 1, bias=False)

    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        """``[B, D]`` and the row ``[B, columns]`` to ``[B]``."""
        out: Tensor = self.deep(pool(representation, inputs)) + self.wide(inputs[SINGLE])
        return out.squeeze(-1)

    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        """What a task that depends on this one sees: the number."""
        return prediction.unsqueeze(-1)
