"""Which tasks help each other, measured by their gradients while they are trained together."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import Parameter

from mtl.distributed import mean_over_processes, processes
from mtl.errors import InputError
from mtl.gradients.flat import gradient, views
from mtl.gradients.gramian import gramian_of
from mtl.gradients.precision import working_precision
from mtl.module.evaluating import evaluating
from mtl.module.losses import count_labels, loss_sums
from mtl.module.module import MultiTaskModule
from mtl.suites.batch import Batch
from mtl.tasks import Task, labelled


class Look(NamedTuple):
    """Affinities of every two of K tasks at one time of the training.

    Attributes:
        affinity: by measure, of the row's task onto the column's, ``[K, K]``; NaN: not known.
        null: the same with one of the two tasks replaced by one whose errors say nothing of the inputs.
    """

    affinity: dict[str, Tensor]
    null: dict[str, Tensor]


class TaskGradients(NamedTuple):
    """Gradients of K tasks by the P shared parameters on one batch, ``[K, P]`` each.

    In the permuted ones the derivatives of a task's loss by its predictions are permuted over its labelled rows: they
    are as large as before, on the same rows, and without relation to the inputs. So they say what common biases and
    positive activations alone make of a measure.

    Attributes:
        own: of the mean losses.
        permuted: the same, permuted.
        wanted: of the sums of the losses, were all predictions constant, without what a bias would learn. What a task
            wants of the shared layers is so at any time as it was at the first, whatever has been learned of it.
        wanted_permuted: the same, permuted.
    """

    own: Tensor
    permuted: Tensor
    wanted: Tensor
    wanted_permuted: Tensor


def task_gradients(module: MultiTaskModule, batch: Batch, generator: torch.Generator) -> TaskGradients:
    """The gradients of the tasks on one batch, zero for a task without a label in it.

    The parameters and the mode of the module are afterwards as before.

    Args:
        module: the network and its tasks.
        batch: rows.
        generator: of the permutations.

    Returns:
        Gradients.

    Raises:
        InputError: Nothing is shared.
    """
    if not module.partition.shared:
        raise InputError("affinity is measured on shared parameters, and this model shares none: use model=hard")
    with evaluating(module):  # dropout would add its own differences
        predictions = module(batch.inputs)
        tasks = [_gradients(module, batch, task, predictions[task.name], generator) for task in module.graph.tasks]
    return TaskGradients(*(torch.stack(rows) for rows in zip(*tasks, strict=True)))


def measure_affinity(module: MultiTaskModule, batch: Batch, lr: float, gradients: TaskGradients) -> Look:
    """Cosines and lookahead affinities on one batch. A factor of a loss has no influence on them.

    With ``g_i`` the gradient of the mean loss of task i by the shared parameters theta:

    - ``cosine`` of ``g_i`` and ``g_j`` (Du et al., "Adapting Auxiliary Losses Using Gradient Similarity", 2018,
      https://arxiv.org/abs/1812.02224).
    - ``lookahead``: ``(L_j(theta) - L_j(theta - s g_i / |g_i|)) / (L_j(theta) - L_j(theta - s g_j / |g_j|))``, how much
      a step for i lowers the loss of j, of what a step for j itself does. After Fifty et al., "Efficiently Identifying
      Task Groupings for Multi-Task Learning" (TAG), NeurIPS 2021, https://arxiv.org/abs/2109.04617 (eq. 1).
      Deviation: there it is ``1 - L_j(theta - lr g_i) / L_j(theta)``, which grows with the size of ``L_i``. Here all
      steps have the length ``s = lr |theta|``. NaN where the own step does not lower the loss.

    A task without a label in the batch has NaN. The parameters and the mode of the module are afterwards as before.

    Args:
        module: the network and its tasks; it shares something.
        batch: rows.
        lr: of the step.
        gradients: of the tasks on these rows.

    Returns:
        Affinities, and the null by permuted gradients of the row's task (lookahead) or the column's (cosine).
    """
    own, permuted, *_ = gradients
    with evaluating(module):
        lookahead, null = _lookahead(module, batch, lr, own, permuted)
    return Look(
        {"cosine": _cosine(own, own), "lookahead": lookahead}, {"cosine": _cosine(own, permuted), "lookahead": null}
    )


def measure_features(gradients: Sequence[TaskGradients], parameters: Sequence[Tensor]) -> Look:
    """Whether the tasks need the same of the inputs: :func:`feature_similarity` of what they want on several batches.

    It is our own measure. It is high from the first step on, since it does not depend on the direction of the heads,
    which are not shared and begin at random; and it does not fade as the tasks are learned. It does not see in which
    direction tasks pull: two that want opposite things of the same features are alike to it.

    Args:
        gradients: on neighbouring batches, which are added up: a single one may have few labels.
        parameters: the shared ones.

    Returns:
        Similarities, and the null by permuted gradients.
    """
    count = len(gradients[0].wanted)
    wanted = sum(torch.cat([one.wanted, one.wanted_permuted]) for one in gradients)
    assert isinstance(wanted, Tensor)
    similar = feature_similarity(wanted, parameters)
    return Look({"features": similar[:count, :count]}, {"features": similar[:count, count:]})


def feature_similarity(gradients: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """How alike the inputs are that gradients ask the layers to use, whatever the layers make of them.

    ``sum_l ||G_il G_jl'||^2`` with ``G_il [out, in]`` the gradient of weight matrix l in vector i of norm 1, divided by
    the geometric mean of the same for i with i and j with j: the cosine of the second moments ``G_il' G_il`` of the
    gradients' rows. Multiplying all ``G_il`` with an orthogonal matrix from the left, as another head does, changes
    nothing.

    Args:
        gradients: ``[T, P]``.
        parameters: P numbers in all; vectors among them, such as biases, have no input side and are left out.

    Returns:
        Similarities between 0 and 1, ``[T, T]``; NaN where a gradient is zero.
    """
    unit = gradients / gradients.norm(dim=1, keepdim=True)
    rows = [views(vector, parameters) for vector in unit]
    total = torch.zeros(len(unit), len(unit), device=unit.device)
    for place, parameter in enumerate(parameters):
        if parameter.dim() > 1:
            matrices = torch.stack([row[place].flatten(1) for row in rows])  # [T, out, in]
            if matrices.shape[1] < matrices.shape[2]:  # the smaller of two products with the same norm
                total += torch.stack([(matrices @ one.T).square().sum((1, 2)) for one in matrices])
            else:
                moments = (matrices.transpose(1, 2) @ matrices).flatten(1)  # [T, in * in]
                total += moments @ moments.T
    size = total.diagonal().sqrt()
    return (total / torch.outer(size, size)).detach().cpu()


def _gradients(
    module: MultiTaskModule, batch: Batch, task: Task, prediction: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients ``[P]`` of a task by what is shared: in the order of TaskGradients."""
    target = batch.targets[task.name]
    rows = labelled(target)
    places = rows.nonzero().flatten()
    order = places[torch.randperm(len(places), generator=generator).to(places.device)]

    def by_prediction(at: Tensor) -> Tensor:
        at = at.detach().requires_grad_()
        loss = task.losses(at, target, rows, batch.weights).sum() / max(len(places), 1)
        return torch.autograd.grad(loss, at)[0]

    residual = by_prediction(prediction)
    constant = by_prediction(torch.where(prediction.isfinite(), 0.0, prediction))  # infinite: a choice that is masked
    constant[places] -= constant[places].mean(0)  # a bias would learn the mean, and needs no feature for it
    constant *= len(places)
    found = []
    for derivative in (residual, constant):
        permuted = derivative.clone()
        permuted[places] = derivative[order]
        for one in (derivative, permuted):
            found.append(gradient(prediction, module.partition.shared, retain_graph=True, of_output=one))
    return found[0], found[1], found[2], found[3]


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosines of vectors ``[K, P]`` with vectors ``[K, P]``, ``[K, K]``; NaN where one is zero."""
    norms = torch.outer(a.norm(dim=1), b.norm(dim=1))
    return (a @ b.T / norms).detach().cpu()


def _lookahead(
    module: MultiTaskModule, batch: Batch, lr: float, own: Tensor, permuted: Tensor
) -> tuple[Tensor, Tensor]:
    """Lookahead affinities ``[K, K]`` of steps along the tasks' own gradients, and along permuted ones."""
    shared = module.partition.shared
    with torch.no_grad():
        before = torch.stack(module.losses(batch))
        length = lr * torch.cat([parameter.flatten() for parameter in shared]).norm()
        gains = []
        for row in torch.cat([own, permuted]):
            step = -length * row / row.norm()  # NaN, as is then the gain, where there is no gradient
            gains.append(before - torch.stack(_losses_after_step(module, batch, shared, step)))
        gain = torch.stack(gains)  # [2 K, K]
    of_itself = gain[: len(own)].diagonal()
    relative = torch.where(of_itself > 0, gain / of_itself, torch.nan).cpu()
    return relative[: len(own)], relative[len(own) :]


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
        if not tasks:
            return torch.zeros(0, 0), tasks
        # Filled row by row: as a list that is stacked, M gradients of a large layer would be there twice
        numbers = sum(p.numel() for p in layer)
        jacobian = sums[tasks[0]].new_empty(len(tasks), numbers, dtype=working_precision(sums))
        for row, i in zip(jacobian, tasks, strict=True):
            row.copy_(gradient(sums[i] * (processes() / counts[i]), layer, retain_graph=i != tasks[-1]))
    return gramian_of(mean_over_processes(jacobian)), tasks


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
