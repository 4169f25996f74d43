"""Metrics measured by one process, and what a metric says where the rows do not define it."""

import warnings
from math import nan
from typing import TypeVar

from torch import Tensor, nn
from torchmetrics import Metric

from mtl.errors import InputError

Measuring = TypeVar("Measuring", bound=nn.Module)


def by_one_process(metrics: Measuring) -> Measuring:
    """The same metrics, which from now on ask no other process for its part: each measures all rows itself."""
    for module in metrics.modules():
        if isinstance(module, Metric):
            module.distributed_available_fn = _not_distributed
    return metrics


def _not_distributed() -> bool:
    """Tell a metric that there are no other processes to ask."""
    return False


def computed(metric: Metric) -> float:
    """The value of a metric; NaN where the rows it has seen do not define it, of which torchmetrics warns or raises.

    InputError where it is no single number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            value = metric.compute()
        except (ValueError, UserWarning):
            return nan
    if isinstance(value, int | float) or (isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex()):
        return float(value)
    is_tensor = isinstance(value, Tensor)
    found = f"the shape {tuple(value.shape)}, {value.dtype}" if is_tensor else f"a {type(value).__name__}"
    raise InputError(f"metric {type(metric).__name__} gives {found}: expected one number")
