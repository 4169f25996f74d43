"""Several modules of one shape, computed as one batched product."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

# A parameter name may hold no dot, a stacked one must still say where it came from.
DOT = "__"


class Replicas(nn.Module):
    """``count`` independently initialised copies of a module; their parameters are stacked, ``[E, ...]``, and run by
    ``vmap``.

    ``forward(inputs)`` gives every copy the same inputs and returns ``[E, *out]``. One batched product per layer
    instead of a Python loop over copies: the number of kernels does not grow with E, which is what a GPU needs; a CPU
    does as well as the loop.

    Args:
        factory: builds one copy; called ``count`` times, so each draws its own initial values.
        count: E.
    """

    def __init__(self, factory: Callable[[], nn.Module], count: int) -> None:
        super().__init__()
        copies = [factory() for _ in range(count)]
        parameters, buffers = stack_module_state(copies)
        for name, value in parameters.items():
            self.register_parameter(name.replace(".", DOT), nn.Parameter(value.detach().clone()))
        for name, value in buffers.items():
            self.register_buffer(name.replace(".", DOT), value)
        self.names = [*parameters, *buffers]
        # Only the shape of the computation: in a tuple, so that its parameters (on no device) are not counted as ours.
        self._template = (copy.deepcopy(copies[0]).to("meta"),)

    def stage_parameters(self, prefix: str) -> Iterator[nn.Parameter]:
        """The stacked parameters whose name in the original module starts with ``prefix``."""
        return (value for name, value in self.named_parameters() if name.replace(DOT, ".").startswith(prefix))

    def forward(self, inputs: Any) -> Tensor:
        state = {name: getattr(self, name.replace(".", DOT)) for name in self.names}
        template = self._template[0]
        template.train(self.training)

        def one(values: dict[str, Tensor], shared_inputs: Any) -> Tensor:
            out: Tensor = functional_call(template, values, (shared_inputs,))
            return out

        # "different": dropout draws a mask of its own for each copy
        return torch.vmap(one, in_dims=(0, None), randomness="different")(state, inputs)
