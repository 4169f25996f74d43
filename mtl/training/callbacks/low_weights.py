"""Tasks that a weighting leaves out: noticed while they are trained, whatever the weighting."""

import sys
from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor
from typing_extensions import override

from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule

LOW = 0.01  # of the mean weight
AT_ONCE = 64  # batches whose weights and losses are added up at once


class LowWeights(EpochCallback):
    """Says once of each task, in one line on the standard error, that its weight stayed below 1 % of the mean weight.

    With ``w_i`` the effective weight of task i in a step and ``s_i`` its mean loss in its first epoch, it is said where
    both hold for the means over an epoch: ``|w_i|`` is less than 1 % of the mean over the tasks, and so is
    ``|w_i| s_i``. The second, because a loss in large units needs a small weight, and dividing every loss by its size
    is no reason for a warning. The weights of a step are taken as shares of their mean; a step counts for the tasks
    with labels in it.

    Nothing is said of weights that a person has chosen (:attr:`~mtl.weighting.base.Weighting.low_weight_advice`), nor
    twice in a run that is resumed.

    Attributes:
        notes: what was said so far.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._said: list[int] = []  # indices of tasks
        self._sizes: Tensor | None = None  # s [K]; NaN for a task not seen so far
        # Tasks with labels, losses [K] and, of the last batch of a step, weights [K], of what is not yet added up
        self._seen: list[tuple[tuple[int, ...], Tensor, Tensor | None]] = []
        self._sums: dict[str, Tensor] = {}

    @override
    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        position = module.step.state.position
        if not module.weighting.low_weight_advice or not position.tasks:
            return
        # A copy: a weighting may write into the tensor that it has given
        weights = module.weights.clone() if position.last and module.weights is not None else None
        self._seen.append((position.tasks, outputs["loss"], weights))
        if len(self._seen) == AT_ONCE:
            self._count()

    @override
    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._count()
        if not self._sums:
            return
        losses, shares = (self._sums[name] / self._sums[f"{name}_seen"] for name in ("losses", "shares"))
        self._sums = {}
        self._sizes = losses if self._sizes is None else torch.where(self._sizes.isnan(), losses, self._sizes)
        sized = shares * self._sizes
        low = (shares < LOW * shares.nanmean()) & (sized < LOW * sized.nanmean())
        for index in low.nonzero().flatten().tolist():
            if index not in self._said:
                self._said.append(index)
                self.notes.append(
                    f"{type(module.weighting).__name__}: the weight of task '{module.graph.names[index]}' stayed below "
                    f"{LOW:.0%} of the mean weight in epoch {trainer.current_epoch + 1}, so it is hardly learned: "
                    f"{module.weighting.low_weight_advice}"
                )
                if trainer.is_global_zero:
                    sys.stderr.write(self.notes[-1] + "\n")

    def _count(self) -> None:
        """Add up what was seen."""
        if not self._seen:
            return
        tasks, losses, weights = zip(*self._seen, strict=True)
        self._seen = []
        present = torch.zeros(len(tasks), len(losses[0]))
        for row, indices in zip(present, tasks, strict=True):
            row[list(indices)] = 1.0
        seen = torch.stack(losses).abs().cpu()
        self._add("losses", seen, present * seen.isfinite())
        solved = [number for number, found in enumerate(weights) if found is not None]
        if solved:
            present = present[solved]
            sizes = torch.stack([weights[number] for number in solved]).abs().cpu() * present  # [steps, K]
            shares = sizes / (sizes.sum(1, keepdim=True) / present.sum(1, keepdim=True))
            self._add("shares", shares, present * shares.isfinite())  # not where all weights are 0

    def _add(self, name: str, values: Tensor, counted: Tensor) -> None:
        zeros = torch.zeros(values.shape[1])
        self._sums[name] = self._sums.get(name, zeros) + (values.nan_to_num(0.0, 0.0, 0.0) * counted).sum(0)
        self._sums[f"{name}_seen"] = self._sums.get(f"{name}_seen", zeros) + counted.sum(0)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"notes": list(self.notes), "said": list(self._said), "sizes": self._sizes}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.notes, self._said = list(state_dict["notes"]), list(state_dict["said"])
        self._sizes = state_dict["sizes"]
