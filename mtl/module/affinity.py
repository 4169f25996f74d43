"""Which tasks help each other: measured while they are trained together, and the groups that follow from it."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from mtl.distributed import mean_over_processes, processes
from mtl.errors import InputError
from mtl.gradients.flat import gradient, views
from mtl.gradients.gramian import gramian_of
from mtl.module.module import MultiTaskModule
from mtl.suites.base import Batch
from mtl.tasks import labelled


def observe(module: MultiTaskModule, batch: Batch, lr: float) -> tuple[Tensor, Tensor]:
    """Gradient cosines and lookahead affinities of the tasks on one batch: two of ``[K, K]``.

    Sources: cosines, Du et al., "Adapting Auxiliary Losses Using Gradient Similarity", 2018,
    https://arxiv.org/abs/1812.02224; lookahead, Fifty et al., "Efficiently Identifying Task Groupings for Multi-Task
    Learning" (TAG), NeurIPS 2021, https://arxiv.org/abs/2109.04617 (eq. 1).

    Lookahead affinity of i onto j is ``1 - L_j(theta - lr * dL_i/dtheta) / L_j(theta)``, with theta the shared
    parameters: by which share a step for i alone lowers the loss of j on the same rows. A task without a label in the
    batch has NaN.

    The parameters, and the mode of the module, are as they were afterwards.

    Args:
        module: the network and its tasks.
        batch: rows.
        lr: of the step.
    """
    shared = module.partition.shared
    if not shared:
        raise InputError("affinity is measured on shared parameters, and this model shares none: use model=hard")
    training = module.training
    module.eval()  # dropout would add its own differences
    counts = torch.stack([labelled(batch.targets[name]).sum() for name in module.graph.names]).clamp(min=1)
    losses = [loss / count for loss, count in zip(module.losses(batch), counts, strict=True)]
    tasks = len(losses)
    rows = [gradient(loss, shared, retain_graph=i < tasks - 1) for i, loss in enumerate(losses)]
    jacobian = torch.stack(rows)  # [K, P]
    norms = jacobian.norm(dim=1)
    cosine = jacobian @ jacobian.T / torch.outer(norms, norms)  # NaN where there is no gradient
    before = torch.stack([loss.detach() for loss in losses])
    lookahead = torch.full((tasks, tasks), torch.nan)
    for i, row in enumerate(rows):
        if norms[i] > 0:
            with torch.no_grad():
                after = torch.stack(_elsewhere(module, batch, shared, -lr * row)) / counts
            lookahead[i] = torch.where(before > 0, 1 - after / before, torch.nan).cpu()
    module.train(training)
    return cosine.detach().cpu(), lookahead


def compare(module: MultiTaskModule, batch: Batch) -> tuple[Tensor, tuple[int, ...]]:
    """The Gramian ``[M, M]`` of the tasks' gradients at the last shared layer, on one batch (over all processes), and
    the indices of the M tasks that have labels in it.

    One forward pass and M short backward passes. Nothing random is drawn, and the module is as it was afterwards.

    Args:
        module: shares something among its tasks.
        batch: rows.
    """
    training = module.training
    module.eval()
    counts = module.counts(batch, 1)
    tasks = tuple(i for i, n in enumerate(counts) if n)
    with torch.enable_grad():
        # Not by the compiled network, which would be compiled once more for this mode
        sums = module.sums(module.network(batch.inputs), batch)
    layer = module.partition.layer or module.partition.shared
    rows = [gradient(sums[i] * (processes() / counts[i]), layer, retain_graph=i != tasks[-1]) for i in tasks]
    module.train(training)
    if not rows:
        return torch.zeros(0, 0), tasks
    return gramian_of(mean_over_processes(torch.stack(rows))), tasks


def _elsewhere(module: MultiTaskModule, batch: Batch, parameters: Sequence[Parameter], step: Tensor) -> list[Tensor]:
    """The losses where the parameters are a step away."""
    kept = [p.detach().clone() for p in parameters]
    for parameter, part in zip(parameters, views(step, parameters), strict=True):
        parameter.add_(part)
    try:
        return module.losses(batch)
    finally:
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.copy_(value)


def mean_observed(observed: Sequence[Tensor]) -> Tensor:
    """The mean of ``[K, K]`` over the batches in which it was defined; 0 where it never was."""
    return torch.stack(list(observed)).nanmean(0).nan_to_num(0.0)
