"""One encoder that runs once per task, with norms of each task's own where they are asked for."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, Self, cast

from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.modules.batchnorm import _BatchNorm
from typing_extensions import override

from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Encoder, Inputs
from mtl.nn.norm import PerSourceBatchNorm, PerTaskBatchNorm, warn_of_batch_norm


class Trunks(nn.Module):
    """The same encoder for every task, ``trunks[name]``.

    A task's layers change what the next stage sees, so that batch norm would mix the tasks' statistics; norms called
    ``per_task`` are therefore each task's own.

    Every task then has an encoder object, whose parameters are those of the first except in these norms: the stages
    need not be told for which task they run.

    Args:
        trunk: the encoder.
        names: the tasks.
        frozen: parameters and statistics that are not each task's own stay as they are: its batch norms take the
            running ones, as in evaluation.
    """

    def __init__(self, trunk: Encoder, names: Sequence[str], frozen: bool = False) -> None:
        super().__init__()
        self.frozen = frozen
        self.names = tuple(names)
        self.trunk = trunk
        norms = [module for module in trunk.modules() if isinstance(module, PerTaskBatchNorm)]
        if not norms and not frozen:
            warn_of_batch_norm(trunk, "this model runs one trunk once for each of several tasks")
        private = {
            id(part) for norm in norms for part in (*norm.buffers(), *(norm.parameters() if norm.own_affine else ()))
        }
        common: dict[int, Any] = {
            id(part): part for part in (*trunk.parameters(), *trunk.buffers()) if id(part) not in private
        }
        self.copies = ModulesByName({name: deepcopy(trunk, dict(common)) for name in (names[1:] if norms else ())})
        if frozen:
            own = {id(p) for name in self.names for p in self.private_parameters(name)}
            for parameter in self.parameters():
                if id(parameter) not in own:
                    parameter.requires_grad_(False)
            self.train()

    @override
    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.frozen:
            own = {id(part.norm) for part in self.modules() if isinstance(part, PerTaskBatchNorm)}
            for part in self.modules():
                if isinstance(part, _BatchNorm | PerSourceBatchNorm) and id(part) not in own:
                    part.eval()
        return self

    def __getitem__(self, name: str) -> Encoder:
        return cast(Encoder, self.copies[name]) if name in self.copies else self.trunk

    def first(self, inputs: Inputs) -> dict[str, Tensor]:
        """Each task's state after the first stage; computed once where it is the same for all."""
        state = {name: trunk.stages[0](trunk.stem(inputs), inputs) for name, trunk in self._different()}
        return {name: state.get(name, state[self.names[0]]) for name in self.names}

    def _different(self) -> list[tuple[str, Encoder]]:
        return [(self.names[0], self.trunk), *((name, self[name]) for name in self.copies)]

    def private_parameters(self, task: str) -> Iterator[Parameter]:
        """Scale and shift of the task's own norms."""
        for module in self[task].modules():
            if isinstance(module, PerTaskBatchNorm) and module.own_affine:
                yield from module.parameters()

    def last_shared_layer(self) -> Iterator[Parameter]:
        """The parameters of the last stage that all tasks have in common."""
        private = {id(p) for p in self.private_parameters(self.names[0])}
        return (p for p in self.trunk.stages[-1].parameters() if id(p) not in private)
