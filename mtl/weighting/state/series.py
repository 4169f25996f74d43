"""Numbers of which there is one more with every step."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Series(nn.Module):
    """A row of numbers that grows. The buffer takes the size of what a checkpoint holds."""

    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("values", torch.zeros(0))

    def append(self, value: Tensor) -> None:
        """Add a number at the end."""
        self.values = torch.cat([self.values, value.to(self.values)[None]])

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        found = state_dict.get(prefix + "values")
        if found is not None and found.dim() == 1:
            self.values = self.values.new_zeros(found.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
