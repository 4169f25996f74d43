"""What a trunk is worth on validation rows, before it is chosen."""

from collections.abc import Iterable, Iterator
from math import nan

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from mtl.module.evaluating import evaluating
from mtl.module.module import MultiTaskModule
from mtl.nn.encoder import Encoder, Inputs
from mtl.sharing.hard import Hard
from mtl.suites.base import MultiTaskDataModule


class TrunkTrials:
    """A network with one trunk, to which any numbers can be given.

    Args:
        module: of a run with ``model=hard``, the heads as they are to stay.
        data: its suite, the rows loaded.

    Attributes:
        trunk: the trunk.
    """

    def __init__(self, module: MultiTaskModule, data: MultiTaskDataModule) -> None:
        assert isinstance(module.network.sharing, Hard)
        self.module, self.data = module, data
        self.trunk: Encoder = module.network.sharing.trunk
        self._validation_inputs = self._endlessly()

    def put(self, values: Tensor) -> None:
        """Give the trunk these numbers ``[P]``; statistics of batch norms are taken anew from the training rows."""
        with torch.no_grad():
            vector_to_parameters(values, trainable(self.trunk).values())
        renew_statistics(self.trunk, (batch.inputs for batch in self.data.measured("train")))

    def validation_score(self, trunk: Tensor) -> float:
        """Geometric mean of the tasks' validation losses, lower being better; NaN where it is not finite."""
        self.put(trunk)
        score = self.module.evaluate(self.data.loader("val")).score
        return nan if score is None else score

    def entropy(self, trunk: Tensor) -> Tensor:
        """Mean entropy of the predictions on the next batch of validation rows, ``[]``, summed over the tasks.

        Args:
            trunk: its numbers ``[P]``, which the gradient reaches.

        Returns:
            The entropy.
        """
        parameters = trainable(self.trunk)
        parts = torch.split(trunk, [one.numel() for one in parameters.values()])
        given = {
            f"sharing.trunk.{name}": part.view_as(one)
            for (name, one), part in zip(parameters.items(), parts, strict=True)
        }
        with evaluating(self.module.network):
            predictions = functional_call(self.module.network, given, (next(self._validation_inputs),))
        return torch.stack([entropy_of(one).mean() for one in predictions.values()]).sum()

    def _endlessly(self) -> Iterator[Inputs]:
        while True:
            yield from (batch.inputs for batch in self.data.loader("val"))


def entropy_of(logits: Tensor) -> Tensor:
    """Entropy of predicted probabilities, ``[B]``: of yes or no from logits ``[B]``, of J choices from ``[B, J]``."""
    if logits.dim() == 1:
        logits = torch.stack([logits, torch.zeros_like(logits)], 1)
    logs = logits.log_softmax(-1)
    chances = logs.exp()
    return -(chances * logs.masked_fill(chances == 0, 0.0)).sum(-1)  # a choice that is none has a logarithm of -inf


def trainable(trunk: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that learn, by name, in order."""
    return {name: one for name, one in trunk.named_parameters() if one.requires_grad}


def flat(trunk: nn.Module, names: Iterable[str]) -> Tensor:
    """The parameters of these names as one vector, ``[P]``."""
    parameters = dict(trunk.named_parameters())
    return parameters_to_vector([parameters[name] for name in names]).detach().clone()


def batch_norms(trunk: nn.Module) -> list[_BatchNorm]:
    """Batch norms that keep running statistics."""
    return [one for one in trunk.modules() if isinstance(one, _BatchNorm) and one.track_running_stats]


def other_state(trunk: nn.Module) -> dict[str, Tensor]:
    """What a trunk keeps beside parameters that learn and statistics of batch norms, by name."""
    learned = {id(one) for one in trainable(trunk).values()}
    normed = {id(one) for norm in batch_norms(trunk) for one in norm.buffers()}
    kept = {**dict(trunk.named_parameters()), **dict(trunk.named_buffers())}
    return {name: one for name, one in kept.items() if id(one) not in learned | normed}


@torch.no_grad()
def renew_statistics(trunk: Encoder, batches: Iterable[Inputs]) -> None:
    """Take the running statistics of batch norms anew, as means over these batches; nothing to do without any.

    Those of a merged trunk are not between those of the trunks that it was made of, since they are not linear in the
    parameters: Jordan et al., "REPAIR: REnormalizing Permuted Activations for Interpolation Repair", ICLR 2023,
    https://arxiv.org/abs/2211.08403.
    """
    norms = batch_norms(trunk)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    with evaluating(trunk):
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
            norm.train()
        for inputs in batches:
            trunk(inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
