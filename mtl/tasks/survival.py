"""Times until an event, of which some are known to be longer than what was seen (right-censored)."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from mtl.nn.heads import VectorHead
from mtl.tasks.arguments import check_increasing
from mtl.tasks.concordance import Concordance
from mtl.tasks.task import Task


def survival(name: str, edges: Sequence[float], hidden: int = 0) -> Task:
    """A time until an event: target ``[B, 2]``, the time and 1 if the event came then, 0 if it was not seen until then.

    The head predicts logits of J hazards: the probability that the event comes in an interval, if it has not come
    before. The loss is the negative log-likelihood: the cross-entropy of every interval that a row was under
    observation in, 1 for the one in which the event came and 0 for those before. A censored row counts as having
    survived an interval whose middle it reached. Rows without a label have NaN twice.

    Source: Gensheimer, Narasimhan, "A scalable discrete-time survival model for neural networks", PeerJ 2019,
    https://doi.org/10.7717/peerj.6257, the flexible version, without proportional hazards; the likelihood is that of
    Brown, "On the use of indicator variables for studying the time-dependence of parameters in a response-time model",
    Biometrics 1975, https://doi.org/10.2307/2529811.

    Decoded is the mean time until the event or the last edge, whichever comes first: the area under the survival
    curve, which is linear between the edges. It is always defined, other than a median that the curve may not reach.

    Args:
        name: of the task.
        edges: of the J intervals, increasing, the first at 0; later events count as survived.
        hidden: features of the head's hidden layer; 0: none.

    Returns:
        The task; its metric is :class:`~mtl.tasks.concordance.Concordance`.

    Raises:
        InputError: edges that are not in order, do not begin at 0, or are fewer than two.
    """
    bounds = tuple(edges)
    check_increasing(
        f"edges of task '{name}'",
        bounds,
        "two or more, increasing, the first 0",
        lambda each: len(each) > 1 and each[0] == 0,
    )

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        limits = torch.tensor(bounds, dtype=target.dtype, device=target.device)
        time, event = target[:, :1], target[:, 1:] > 0
        begin, end = limits[:-1], limits[1:]
        survived = torch.where(event, time >= end, time >= (begin + end) / 2)  # [B, J]
        came = event & (time >= begin) & (time < end)
        each = functional.binary_cross_entropy_with_logits(logits, came.to(logits.dtype), reduction="none")
        return (each * (survived | came)).sum(1)

    def decode(logits: Tensor) -> Tensor:
        limits = torch.tensor(bounds, dtype=logits.dtype, device=logits.device)
        left = functional.logsigmoid(-logits).cumsum(-1).exp()  # [B, J], share that survives until the end of each
        before = torch.cat([torch.ones_like(left[..., :1]), left[..., :-1]], -1)
        return ((before + left) / 2 * limits.diff()).sum(-1)

    return Task(
        name=name,
        head=partial(VectorHead, values=len(bounds) - 1, hidden=hidden),
        loss=loss,
        decode=decode,
        metrics={"concordance": Concordance()},
        primary="concordance",
        kind="survival",
        merge=mean_survival,
    )


def mean_survival(logits: Tensor) -> Tensor:
    """Logits of hazards whose survival is the mean of the members', ``[B, M, J] -> [B, J]``."""
    left = functional.logsigmoid(-logits).cumsum(-1).logsumexp(1) - torch.tensor(float(logits.shape[1])).log()
    stays = left.diff(prepend=torch.zeros_like(left[:, :1])).clamp(max=-torch.finfo(left.dtype).tiny)
    return (-torch.expm1(stays)).log() - stays
