"""No prediction that is not a number leaves a trained network without a word."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.nn.encoder import Inputs


def check_finite(predictions: Mapping[str, Tensor], inputs: Inputs) -> None:
    """Raise InputError for the first task with a raw prediction that is NaN or infinite.

    Args:
        predictions: by task.
        inputs: that they are for. Of a set that is padded, the logits of what its mask leaves out are ``-inf`` and do
            not count.
    """
    for task, values in predictions.items():
        bad = ~values.isfinite()
        mask = inputs.get("mask")
        if mask is not None and mask.shape == values.shape:
            bad &= mask.to(values.device, torch.bool)
        if bad.any():
            raise InputError(
                f"task '{task}': {int(bad.sum())} of {values.numel()} predictions are NaN or infinite: the weights are "
                "damaged, or the inputs are far from those of the training"
            )
