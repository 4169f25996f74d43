"""From a representation to a prediction, and from a prediction to what dependent tasks may know of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.errors import InputError
from mtl.nn.encoder import Inputs
from mtl.nn.pooling import masked_mean, pool

PRIOR_SCALE = 3.0  # of a prior's logits at first; training changes it
TRAINED_GAIN = 1.0  # of a correction as training leaves it
SMALLEST = 1e-6  # keeps logarithms of probabilities finite


class Head(nn.Module, ABC):
    """The private end of a task's function.

    Attributes:
        message_features: M, the width of :meth:`message`.
        message_is_probability: the message is the probability of one event.
        exchangeable: the entries of a prediction belong to the members of a set, in any order.
    """

    message_features: int
    message_is_probability: bool = False
    exchangeable: bool = False

    @abstractmethod
    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        """Representation ``[B, ..., D]`` to the task's raw prediction (logits, values)."""

    @abstractmethod
    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        """What a dependent task sees of the prediction, ``[B, M]``."""


class Perceptron(nn.Sequential):
    """Linear layer, or one hidden layer before it when ``hidden > 0``: ``[..., in] -> [..., out]``."""

    def __init__(self, in_features: int, out_features: int, hidden: int) -> None:
        check_number("hidden", hidden, whole=True, least=0)
        if hidden:
            super().__init__(nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(hidden, out_features))
        else:
            super().__init__(nn.Linear(in_features, out_features))


class ClassificationHead(Head):
    """Logits over ``classes``: ``[B, classes]``. The message is the class probabilities."""

    def __init__(self, in_features: int, classes: int, hidden: int = 0) -> None:
        super().__init__()
        check_number("classes", classes, whole=True, least=1)
        self.message_features = classes
        self.score = Perceptron(in_features, classes, hidden)

    @override
    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        out: Tensor = self.score(pool(representation, inputs))
        return out

    @override
    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        return prediction.softmax(-1)


class VectorHead(Head):
    """Several values: ``[B, values]``. The message is the values."""

    def __init__(self, in_features: int, values: int, hidden: int = 0) -> None:
        super().__init__()
        check_number("values", values, whole=True, least=1)
        self.message_features = values
        self.score = Perceptron(in_features, values, hidden)

    @override
    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        out: Tensor = self.score(pool(representation, inputs))
        return out

    @override
    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        return prediction


class OrdinalHead(Head):
    """Logits of C classes from low to high, ``[B, C]``, by cumulative logits. The message is the class probabilities.

    Source: McCullagh, "Regression Models for Ordinal Data", Journal of the Royal Statistical Society B 1980,
    https://doi.org/10.1111/j.2517-6161.1980.tb01109.x (the proportional odds model): ``P(class > k) = sigmoid(s(x) -
    t_k)`` with one score s and increasing thresholds ``t_0 < ... < t_{C-2}``. With ``a = s - t_{k-1}`` and ``b = s -
    t_k`` the logit of class k is ``log P(class k) = log sigmoid(a) + log sigmoid(-b) + log(1 - exp(b - a))``.

    The differences of the thresholds are softplus of what is learned. Where the score is 0, the untrained head gives
    the shares of the classes in training.

    Args:
        in_features: of the representation.
        shares: of the C classes in training, none of them 0; at least two.
        hidden: features of the hidden layer; 0: none.

    Raises:
        InputError: fewer than two shares, or one that is not above 0.
    """

    def __init__(self, in_features: int, shares: Sequence[float], hidden: int = 0) -> None:
        super().__init__()
        if len(shares) < 2:
            raise InputError(f"shares={list(shares)}: expected those of two classes or more")
        given: Sequence[Any] = shares
        shares = [share.item() if isinstance(share, Tensor) else share for share in given]
        for share in shares:
            check_number("shares", share, above=0)
        self.message_features = len(shares)
        self.score = Perceptron(in_features, 1, hidden)
        below = torch.tensor(shares, dtype=torch.float64).cumsum(0)[:-1]
        thresholds = torch.logit(below / sum(shares))
        self.first = nn.Parameter(thresholds[:1].float())
        # Inverse of softplus
        self.steps = nn.Parameter(thresholds.diff().expm1().log().float())

    @override
    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        steps = functional.softplus(self.steps)
        thresholds = torch.cat([self.first, self.first + steps.cumsum(0)])
        above = self.score(pool(representation, inputs)) - thresholds  # [B, C-1], logits of the classes above each
        between = functional.logsigmoid(above[:, :-1]) + functional.logsigmoid(-above[:, 1:])
        inner = between + torch.log(-torch.expm1(-steps))
        return torch.cat([functional.logsigmoid(-above[:, :1]), inner, functional.logsigmoid(above[:, -1:])], 1)

    @override
    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        return prediction.softmax(-1)


class ScalarHead(Head):
    """One number per sample: ``[B]``."""

    message_features = 1

    def __init__(self, in_features: int, hidden: int = 0) -> None:
        super().__init__()
        self.score = Perceptron(in_features, 1, hidden)

    @override
    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        out: Tensor = self.score(pool(representation, inputs)).squeeze(-1)
        return out


class RegressionHead(ScalarHead):
    """One value: ``[B]``. The message is the value."""

    @torch.no_grad()
    def shrink(self, factor: float) -> None:
        """Make every value that it gives ``factor`` times as large."""
        last = self.score[-1]
        assert isinstance(last, nn.Linear)
        last.weight.mul_(factor)
        last.bias.mul_(factor)

    @override
    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        return prediction.unsqueeze(-1)


class BinaryHead(ScalarHead):
    """One logit: ``[B]``. The message is the probability."""

    message_is_probability = True

    @override
    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        return prediction.sigmoid().unsqueeze(-1)


class ConditionalHead(BinaryHead):
    """One logit ``[B]`` of the probability ``p = p_upstream(x) * q(x)`` of an event that only another makes possible.

    Source: Ma et al., "Entire Space Multi-Task Model (ESMM)", SIGIR 2018, https://arxiv.org/abs/1804.07931: a purchase
    needs a click; learned over all rows, not only where there was a click, q is free of selection bias.

    The probability of the upstream event is the last feature of what the head is given (the message of a
    :class:`BinaryHead`), q a head like that one on the other features. The message is the probability p.
    """

    def __init__(self, in_features: int, hidden: int = 0) -> None:
        super().__init__(in_features - 1, hidden)

    @override
    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        features = pool(representation, inputs)
        log_q = functional.logsigmoid(self.score(features[:, :-1]).squeeze(-1))
        log_p = log_q + features[:, -1].clamp(min=SMALLEST).log()
        log_p = log_p.clamp(max=-SMALLEST)  # log p = 0 has no logit
        return log_p - (-torch.expm1(log_p)).log()


class CandidateHead(Head):
    """One value per candidate: ``[B, J]``; that of a masked one is 0. The message is their mean."""

    message_features = 1
    exchangeable = True

    def __init__(self, in_features: int, hidden: int = 0) -> None:
        super().__init__()
        self.score = Perceptron(in_features, 1, hidden)

    @override
    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        values: Tensor = self.score(representation).squeeze(-1)
        return values.masked_fill(~inputs["mask"], 0.0)

    @override
    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        return masked_mean(prediction.unsqueeze(-1), inputs["mask"])


class ChoiceHead(Head):
    """One logit per candidate: ``[B, J]``; a masked candidate has ``-inf``.

    With a prior the logits are ``scale * prior + gain * correction``: a known rule, the weighted sum of the columns of
    the input ``candidates [B, J, F]``, plus what is learned. The correction is 0 at first, so that the untrained head
    chooses as the rule does, and it stays 0 where more candidates are there than training shows: a choice among many is
    then the rule's. The scale is learned. Such a sum is known as residual policy learning: T. Silver et al., "Residual
    Policy Learning", 2018, https://arxiv.org/abs/1812.06298.

    The weights of the rule and the gain are buffers ``rule [F]`` and ``gain []`` that no gradient reaches: a search on
    the outcome of acting may change them (:mod:`mtl.agent.improvement`). In place of them a call may give others for
    each row, ``[B, F]`` and ``[B, 1]`` (``torch.func.functional_call``). Such a search may also find ``others [K, F]``:
    rules, without a correction, with which an agent acts beside this one to keep the best of the outcomes, and
    ``demanding [K', C]``, which it takes beside those where more is demanded. They change no logit.

    The message tells how decided the choice is: the highest probability, and the entropy relative to a uniform choice
    (in [0, 1]). Without a candidate both are 0, as of a shop that is done beside others that are not.
    """

    message_features = 2
    exchangeable = True
    rule: Tensor
    gain: Tensor
    others: Tensor | None
    demanding: Tensor | None

    def __init__(
        self,
        in_features: int,
        hidden: int = 0,
        prior: Sequence[float] | None = None,
        most_candidates: int | None = None,
    ) -> None:
        super().__init__()
        self.score = Perceptron(in_features, 1, hidden)
        self.has_prior, self.most_candidates = prior is not None, most_candidates
        if prior is not None:
            last = self.score[-1]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.scale = nn.Parameter(torch.tensor(PRIOR_SCALE))
            self.register_buffer("rule", torch.tensor(prior))
            self.register_buffer("gain", torch.tensor(TRAINED_GAIN))
            self.register_buffer("others", None)
            self.register_buffer("demanding", None)

    @override
    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: Any) -> None:
        for name in ("others", "demanding") if self.has_prior else ():  # there are as many as the state has
            given = state_dict.get(f"{prefix}{name}")
            setattr(self, name, None if given is None else torch.empty_like(given))
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    @override
    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        scores: Tensor = self.score(representation).squeeze(-1)
        if self.has_prior:
            if self.most_candidates is not None:
                known = inputs["mask"].sum(-1, keepdim=True) <= self.most_candidates
                scores = scores * known
            rule = (inputs["candidates"] * self.rule.unsqueeze(-2)).sum(-1)  # [B, J]
            scores = self.scale * rule + self.gain * scores
        return scores.masked_fill(~inputs["mask"], -torch.inf)

    @override
    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        mask = inputs["mask"]
        logits = prediction.masked_fill(~mask.any(-1, keepdim=True), 0.0)  # else NaN where there is no candidate
        probability = logits.softmax(-1).masked_fill(~mask, 0.0)
        surprise = -(logits.log_softmax(-1).masked_fill(~mask, 0.0))
        entropy = (probability * surprise).sum(-1)
        uniform = mask.sum(-1).clamp(min=2).to(entropy.dtype).log()
        return torch.stack([probability.amax(-1), entropy / uniform], -1)
