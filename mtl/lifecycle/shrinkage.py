"""Predicted numbers that are too far from the mean are moved towards it, by the validation rows."""

from dataclasses import replace

import torch
from torch import Tensor

from mtl.assembly import Assembly
from mtl.lifecycle.fit import Fitted
from mtl.nn.heads import RegressionHead
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.runs.directory import Run
from mtl.sharing.preferring import Preferring
from mtl.tasks import labelled

NOTES = "shrinkage"  # key of a checkpoint: what was said of it
CERTAINTY = 2.0  # standard errors of the factor by which it has to be below 1


def shrink(run: Run, assembly: Assembly, fitted: Fitted) -> Fitted:
    """Multiply the predictions of numbers that are clearly too far from the mean by a factor below 1.

    Source: Copas, "Regression, Prediction and Shrinkage", Journal of the Royal Statistical Society B 1983,
    https://doi.org/10.1111/j.2517-6161.1983.tb01258.x: what a model has fitted to chance makes its predictions vary
    more than their targets' means do, so that on new rows a regression of the targets on the predictions has a slope
    below 1.

    One epoch has to serve all tasks of a network that shares, and it may come after the one that is best for a number
    of which the inputs tell little or nothing. With standardised predictions f, labels z and weights w of the
    validation rows the slope through the mean of the training labels is ``a = sum(w f z) / sum(w f^2)``. Where it is
    below 1 by more than two of its standard errors (:func:`slope_of`), predictions become ``max(a, 0) f``.

    The factor goes into the weights of the head's last layer, and into the checkpoint; losses and metrics on the
    validation rows are then those of a network with one more parameter that was fitted to them. A second call changes
    nothing, since the slope is then 1. Left alone are tasks whose predictions other tasks see, and networks that are
    another one for each preference.

    Args:
        run: its directory.
        assembly: its objects, with the weights that validation chose.
        fitted: how training went.

    Returns:
        The same, with a note for every task that was changed.
    """
    module, graph = assembly.module, assembly.graph
    seen = {name for task in graph.tasks for name in task.depends_on}
    numbers = [task for task in graph.tasks if task.kind == "regression" and task.name not in seen]
    if not numbers or isinstance(module.network.sharing, Preferring):
        return fitted
    rows = assembly.data.splits["val"]
    batches = [module.predict(batch.inputs) for batch in assembly.data.loader("val")]
    notes = []
    for task in numbers:
        head, target = module.network.heads[task.name], rows.targets[task.name]
        known = labelled(target)
        if not isinstance(head, RegressionHead) or task.encode is None or not known.any():
            continue
        predicted = torch.cat([batch[task.name] for batch in batches])[known].double()
        weights, groups = (None if values is None else values[known] for values in (rows.weights, rows.groups))
        slope, error = slope_of(predicted, task.encode(target[known]).double(), weights, groups)
        if slope + CERTAINTY * error < 1:
            factor = max(slope, 0.0)
            head.shrink(factor)
            notes.append(
                f"task '{task.name}': predictions were too far from the mean on the validation rows, and are now "
                f"{factor:.3f} times as far (shrinkage)"
            )
    best = read_checkpoint(run.best)
    if not notes:  # nothing to be done, or it was done before the run was interrupted
        notes = [note for note in best.get(NOTES, ()) if note not in fitted.notes]
        return replace(fitted, notes=(*fitted.notes, *notes)) if notes else fitted
    best |= {"state_dict": module.state_dict(), NOTES: notes}
    write_checkpoint(run.best, best)
    return replace(fitted, notes=(*fitted.notes, *notes))


def slope_of(
    predicted: Tensor, target: Tensor, weights: Tensor | None = None, groups: Tensor | None = None
) -> tuple[float, float]:
    """The slope of targets on predictions through the origin, and its standard error.

    The error is that of White, "A Heteroskedasticity-Consistent Covariance Matrix Estimator", Econometrica 1980,
    https://doi.org/10.2307/1912934: ``sqrt(sum_g (sum_{i in g} w_i f_i (z_i - a f_i))^2) / sum(w f^2)``, where rows
    that depend on each other are one group g, and any other row is one by itself.

    Args:
        predicted: f, ``[N]``.
        target: z, ``[N]``.
        weights: w, ``[N]``; None: 1 each.
        groups: numbers of the rows' groups, ``[N]``; None: no row depends on another.

    Returns:
        Slope and standard error; 1 and 0 where all predictions are 0.
    """
    counted = predicted if weights is None else predicted * weights
    total = float((counted * predicted).sum())
    if total == 0:
        return 1.0, 0.0
    slope = float((counted * target).sum()) / total
    scores = counted * (target - slope * predicted)
    if groups is not None:
        numbers = torch.unique(groups, return_inverse=True)[1]
        scores = scores.new_zeros(int(numbers.max()) + 1).index_add(0, numbers, scores)
    return slope, float(scores.square().sum().sqrt()) / total
