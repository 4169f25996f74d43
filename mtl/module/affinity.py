"""Which tasks help each other, measured by their gradients while they are trained together."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from mtl.distributed import mean_over_processes, processes
from mtl.errors import InputError
from mtl.gradients.flat import gradient, views
from mtl.gradients.gramian import gramian_of
from mtl.module.evaluating import evaluating
from mtl.module.losses import count_labels, loss_sums
from mtl.module.module import MultiTaskModule
from mtl.suites.batch import Batch
from mtl.tasks import labelled


def measure_affinity(module: MultiTaskModule, batch: Batch, lr: float) -> tuple[Tensor, Tensor]:
    """Gradient cosines and lookahead affinities of the tasks on one batch.

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

    Returns:
        Cosines and affinities, of the row's task onto the column's, ``[K, K]`` each.
    """
    shared = module.partition.shared
    if not shared:
        raise InputError("affinity is measured on shared parameters, and this model shares none: use model=hard")
    with evaluating(module):  # dropout would add its own differences
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
                    after = torch.stack(_losses_after_step(module, batch, shared, -lr * row)) / counts
                lookahead[i] = torch.where(before > 0, 1 - after / before, torch.nan).cpu()
    return cosine.detach().cpu(), lookahead


def gradient_gramian(module: MultiTaskModule, batch: Batch) -> tuple[Tensor, tuple[int, ...]]:
    """The Gramian of the tasks' gradients at the last shared layer, on one batch (over all processes).

    One forward pass and M short backward passes. Nothing random is drawn, and the module is as it was afterwards.

    Args:
        module: shares something among its tasks.
        batch: rows.

    Returns:
        The Gramian ``[M, M]`` and the indices of the M tasks that have labels in the batch.
    """
    counts = count_labels(module.graph, batch, 1)
    tasks = batch._replace(counts=counts).present
    with evaluating(module), torch.enable_grad():
        # Not by the compiled network, which would be compiled once more for this mode
        sums = loss_sums(module.graph, module.network(batch.inputs), batch)
        layer = module.partition.layer or module.partition.shared
        rows = [gradient(sums[i] * (processes() / counts[i]), layer, retain_graph=i != tasks[-1]) for i in tasks]
    if not rows:
        return torch.zeros(0, 0), tasks
    return gramian_of(mean_over_processes(torch.stack(rows))), tasks


def _losses_after_step(
    module: MultiTaskModule, batch: Batch, parameters: Sequence[Parameter], step: Tensor
) -> list[Tensor]:
    """The losses where the parameters are a step away, where they do not stay."""
    kept = [p.detach().clone() for p in parameters]
    for parameter, part in zip(parameters, views(step, parameters), strict=True):
        parameter.add_(part)
    try:
        return module.losses(batch)
    finally:
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.copy_(value)


def mean_affinity(measured: Sequence[Tensor]) -> Tensor:
    """The mean of ``[K, K]`` over the batches in which it was defined; 0 where it never was."""
    return torch.stack(list(measured)).nanmean(0).nan_to_num(0.0)
