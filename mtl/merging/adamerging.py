"""Coefficients learned by the entropy of predictions on rows without labels."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.config.numbers import check_factor, check_number
from mtl.errors import InputError, unknown
from mtl.merging.base import MergedTrunk, Merging, TaskVectors, Trials
from mtl.tasks import Task

CERTAIN = ("binary", "classes", "choice")  # kinds of tasks that predict probabilities
BY = ("task", "layer")


class AdaMerging(Merging):
    """AdaMerging: a coefficient for each task vector, or each of its parameter tensors, that makes predictions certain.

    Source: Yang et al., "AdaMerging: Adaptive Model Merging for Multi-Task Learning", ICLR 2024,
    https://arxiv.org/abs/2310.02575.

    ``theta^l = theta_0^l + sum_k lambda_k^l tau_k^l`` for every parameter tensor l, with ``lambda_k^l`` in [0, 1] that
    minimise ``sum_k mean_x H(f_k(x; theta))``, the entropy of the predicted probabilities, by Adam on rows without
    labels. With ``by=task`` the lambda of a task is the same for all l.

    Deviations: the rows are those of validation, where the paper takes those of the test; all tasks read the same
    batch. A number has no entropy, so a regression among the tasks is refused: the coefficients would be those that
    serve the other tasks. Lambdas are cut off at 0 and 1 as in the authors' code. A trunk with batch norm is refused:
    its statistics change with every step.

    Args:
        by: ``task`` or ``layer``.
        initial: value of all lambdas.
        lr: learning rate of Adam.
        steps: of Adam, each on one batch of validation rows.
    """

    def __init__(self, by: str = "layer", initial: float = 0.3, lr: float = 1e-3, steps: int = 500) -> None:
        if by not in BY:
            raise unknown("value of model.merge.by", str(by), BY)
        check_factor("model.merge.initial", initial, least=0, most=1)
        check_factor("model.merge.lr", lr, above=0)
        check_number("model.merge.steps", steps, whole=True, least=1)
        self.by, self.initial, self.lr, self.steps = by, initial, lr, steps

    @override
    def check(self, tasks: Sequence[Task], *, keeps_statistics: bool) -> None:
        for task in tasks:
            if task.kind not in CERTAIN:
                raise InputError(
                    f"merge=adamerging learns by the entropy of predicted probabilities, and task '{task.name}' "
                    f"({task.kind or 'of no known kind'}) predicts none: use merge=task_arithmetic, ties or dare"
                )
        if keeps_statistics:
            raise InputError("merge=adamerging cannot merge batch norms: use encoder.norm=layer or group")

    @override
    def merge(self, vectors: TaskVectors, trials: Trials) -> MergedTrunk:
        sizes = torch.tensor(vectors.layers if self.by == "layer" else (len(vectors.start),))
        raw = Parameter(torch.full((len(vectors.differences), len(sizes)), self.initial))  # [K, L]
        optimizer = torch.optim.Adam([raw], lr=self.lr)

        def trunk() -> Tensor:
            spread = raw.clamp(0, 1).repeat_interleave(sizes, dim=1)  # [K, P]
            return vectors.start + (spread * vectors.differences).sum(0)

        for _ in range(self.steps):
            optimizer.zero_grad()
            (raw.grad,) = torch.autograd.grad(trials.entropy(trunk()), [raw])
            optimizer.step()
        return MergedTrunk(trunk().detach(), raw.detach().clamp(0, 1))
