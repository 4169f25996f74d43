"""An exponential moving average of the weights, which is what a run validates and keeps."""

from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor
from typing_extensions import override

from mtl.errors import InputError
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule

OWN = "weights_of_training"  # in a checkpoint, beside the averaged ones


class MovingAverage(EpochCallback):
    """Averages the network's weights over the optimizer steps.

    After step t each averaged weight is ``d a + (1 - d) w`` with ``d = min(decay, (1 + t) / (10 + t))``, so that the
    first steps, which are far from the others, are soon forgotten. Source: Polyak and Juditsky, "Acceleration of
    Stochastic Approximation by Averaging", SIAM J. Control Optim. 30(4), 1992, https://doi.org/10.1137/0330046, with
    exponential instead of equal weights, and the warm-up of TensorFlow's ``ExponentialMovingAverage``. Numbers that are
    no weights, such as running means of batch normalisation, are averaged too; whole numbers are copied.

    Validation, the selection of the checkpoint, and so the result are those of the averaged weights; training goes on
    with its own. Lightning's ``EMAWeightAveraging`` also averages what a module measures with, and lets a network that
    acts in validation act with weights that are not averaged.

    Args:
        decay: between 0 and 1.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 < decay < 1:
            raise InputError(f"callbacks.ema.decay={decay}: expected a number between 0 and 1")
        self.decay = decay
        self.average: dict[str, Tensor] = {}
        self._step = 0

    @override
    def on_fit_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if not self.average:  # else a checkpoint has been loaded by now
            self.average = {name: value.clone() for name, value in weights_of(module).items()}

    @override
    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._step = trainer.global_step

    @torch.no_grad()
    @override
    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self._step:  # one of several batches of a step
            return
        self._step = trainer.global_step
        decay = min(self.decay, (1 + self._step) / (10 + self._step))
        for name, value in weights_of(module).items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    @override
    def on_validation_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._swap(module)

    @override
    def on_validation_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._swap(module)

    @torch.no_grad()
    def _swap(self, module: MultiTaskModule) -> None:
        """Let the network and the average change places."""
        for name, value in weights_of(module).items():
            kept = value.clone()
            value.copy_(self.average[name])
            self.average[name].copy_(kept)

    @override
    def on_save_checkpoint(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[OWN] = {name: checkpoint["state_dict"][name] for name in self.average}
        checkpoint["state_dict"] = {**checkpoint["state_dict"], **self.average}

    @override
    def on_load_checkpoint(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, checkpoint: dict[str, Any]
    ) -> None:
        device = module.device
        self.average = {name: checkpoint["state_dict"][name].clone().to(device) for name in checkpoint[OWN]}
        module.load_state_dict({**checkpoint["state_dict"], **checkpoint[OWN]})


def weights_of(module: MultiTaskModule) -> dict[str, Tensor]:
    """The network's part of a module's state, without what it weighs and measures with."""
    return {name: value for name, value in module.state_dict().items() if name.startswith("network.")}
