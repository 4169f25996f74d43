"""One trunk, its features scaled and shifted by each task."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.nn.encoder import InputShape
from mtl.sharing.base import EncoderFactory
from mtl.sharing.trunk import PerStage


class Modulation(nn.Module):
    """``scale * h + shift`` along the features, at first the identity: ``[..., H] -> [..., H]``."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.scale = Parameter(torch.ones(features))
        self.shift = Parameter(torch.zeros(features))

    def forward(self, hidden: Tensor) -> Tensor:
        """Scaled and shifted."""
        return torch.addcmul(self.shift, hidden, self.scale)


class FiLM(PerStage):
    """Feature-wise linear modulation by the task: after every stage, ``h_i <- gamma_i * h + beta_i``.

    Source: Perez, Strub, de Vries, Dumoulin, Courville, "FiLM: Visual Reasoning with a General Conditioning Layer",
    AAAI 2018, https://arxiv.org/abs/1709.07871. There a network makes gamma and beta from a question; here the
    condition is which task it is, so that they are parameters.

    Starts as hard sharing. The first stage is computed once, the later ones once per task.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for such inputs.
    """

    def __init__(self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory) -> None:
        super().__init__(input_shape, task_names, encoder, Modulation)
