"""Classes that have an order."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassCohenKappa

from mtl.nn.heads import OrdinalHead
from mtl.tasks.kinds import chosen_metric, classification
from mtl.tasks.metrics import RankError
from mtl.tasks.task import Task


def ordinal(name: str, shares: Sequence[float], hidden: int = 0, primary: str = "mae") -> Task:
    """One of several classes from low to high: target ``[B]`` integer (-100 = no label), by cumulative logits.

    The head has one score and a threshold between each two classes, see :class:`~mtl.nn.heads.OrdinalHead`. Its
    prediction are logits of the classes, whose cross-entropy is the negative log-likelihood of the model; so all that
    is done with classes is done with these, and boosted trees learn them as classes without an order.

    Args:
        name: of the task.
        shares: of the C classes among the training labels, none of them 0: where learning begins.
        hidden: features of the head's hidden layer; 0: none.
        primary: ``mae``, the mean distance of the most probable class, in ranks; ``kappa``, Cohen's with quadratic
            weights; or ``accuracy``.

    Returns:
        The task.
    """
    classes = len(shares)
    metrics: dict[str, Metric] = {
        "mae": RankError(),
        "kappa": MulticlassCohenKappa(classes, weights="quadratic"),
        "accuracy": MulticlassAccuracy(classes, average="micro"),
    }
    chosen_metric(name, primary, dict.fromkeys(metrics, Metric))
    head = partial(OrdinalHead, shares=tuple(shares), hidden=hidden)
    return replace(classification(name, classes), head=head, metrics=metrics, primary=primary, kind="ordinal")
