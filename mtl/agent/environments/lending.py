"""Lending: loans are granted by expected profit, and paid by what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor
from typing_extensions import override

from mtl.agent.analysis.resampling import group_numbers, sums_by_group
from mtl.agent.deciding import DecidingEnvironment
from mtl.agent.labelled_rows import predict_test_rows, rows_with_labels
from mtl.agent.linear_baseline import LinearBaseline
from mtl.agent.report import ExecutionReport, Value, plain_table
from mtl.errors import InputError
from mtl.runs.contributions import Outcome
from mtl.suites.base import MultiTaskDataModule, Predict

AGENT, LINEAR, TRUTH = "agent", "linear", "truth"
LABELS = {LINEAR: "linear model"}  # what the table calls those whose names in files are shorter


@dataclass(frozen=True)
class Terms:
    """What a loan earns and costs. These are assumptions: the data does not tell them.

    Attributes:
        margin: earned on a loan that is paid back, as a share of the sum.
        loss: lost on one that is not, as a share of the sum.
        cost: of handling a loan, in the units of the sum.
    """

    margin: float
    loss: float
    cost: float

    def profit(self, amount: Tensor, bad: Tensor) -> Tensor:
        """Profit of granting each loan, ``amount (margin (1 - bad) - loss bad) - cost``.

        Args:
            amount: sums, ``[N]``.
            bad: whether a loan is not paid back, ``[N]``: 1 or 0, or a probability, which gives the expected profit.

        Returns:
            ``[N]``.
        """
        return amount * (self.margin * (1 - bad) - self.loss * bad) - self.cost


@dataclass(frozen=True)
class Applications:
    """Applications of which it is known what comes of them.

    Attributes:
        predicted: decoded predictions by task, ``[N]`` each.
        amount: true sums, ``[N]``.
        bad: true outcomes, 1 = not paid back, ``[N]``.
        groups: number of each one's group, from 0, whose applications may depend on each other, ``[N]``.
    """

    predicted: Mapping[str, Tensor]
    amount: Tensor
    bad: Tensor
    groups: NDArray[np.int64]


class Lending(DecidingEnvironment[Applications]):
    """Decides on the applications for credit that are the run's test rows.

    The agent lends where the expected profit, of the network's probability of default and its sum, is above
    ``threshold``. Of a probability p it takes the odds ``p / (1 - p)`` times ``odds``: above 1 it is more careful than
    the network, which validation can say (see :mod:`mtl.agent.improvement.decision_rounds`). It is compared with a
    linear model that decides in the same way, by the same settings (logistic regression of the default, linear
    regression of the logarithm of the sum, see :class:`~mtl.agent.linear_baseline.LinearBaseline`), with lending to
    everyone and to nobody, and with the truth, which lends exactly where a profit will be made. Profits are those of
    the true outcomes and sums. An application of which one of the two is not known is left out.

    Args:
        margin: see :class:`Terms`.
        loss: see :class:`Terms`.
        cost: see :class:`Terms`.
        threshold: expected profit above which it lends, in the units of the sum.
        odds: what the odds of a default are multiplied by.

    Raises:
        InputError: terms below 0, or a setting out of range.
    """

    requires: ClassVar[Mapping[str, str]] = {"default": "binary", "log_amount": "regression"}
    acts_on_test_rows = True
    tunable: ClassVar[Mapping[str, tuple[float, float]]] = {"threshold": (-200.0, 200.0), "odds": (0.25, 4.0)}

    def __init__(
        self, margin: float = 0.2, loss: float = 0.5, cost: float = 20.0, threshold: float = 0.0, odds: float = 1.0
    ) -> None:
        if not all(isfinite(value) and value >= 0 for value in (margin, loss, cost)):
            raise InputError(f"margin={margin}, loss={loss}, cost={cost}: expected 0 or more")
        self.terms = Terms(margin, loss, cost)
        self.threshold, self.odds = threshold, odds
        self.check_settings()

    @override
    def check_rows(self, data: MultiTaskDataModule) -> None:
        rows_with_labels(data, tuple(self.requires))

    @override
    @torch.inference_mode()
    def run(self, predict: Predict, data: MultiTaskDataModule) -> "LendingReport":
        applications = self.cases(predict, data, "test")
        linear = self.cases(LinearBaseline(data, tuple(self.requires)).predict, data, "test")
        expected = {AGENT: self.expect(applications.predicted), LINEAR: self.expect(linear.predicted)}
        groups = None if data.splits["test"].groups is None else applications.groups
        return self.decide(expected, applications.amount, applications.bad, groups)

    @override
    def cases(self, predict: Predict, data: MultiTaskDataModule, split: str) -> Applications:
        predicted, true = predict_test_rows(predict, data, tuple(self.requires), split)
        groups, known = data.splits[split].groups, rows_with_labels(data, tuple(self.requires), split)
        numbers = group_numbers(None if groups is None else groups[known].numpy(), len(true["default"]))
        return Applications(predicted, true["log_amount"].exp(), true["default"], numbers)

    @override
    def achieved(self, cases: Applications) -> tuple[NDArray[np.float64], float]:
        profit = self.terms.profit(cases.amount, cases.bad).double().numpy()
        lent = (self.expect(cases.predicted) > self.threshold).numpy()
        earned = sums_by_group(np.where(lent, profit, 0.0), cases.groups)
        return earned * (len(earned) / len(profit)), float(np.maximum(profit, 0.0).mean())

    @override
    def decisions(self, predicted: Mapping[str, Tensor]) -> dict[str, list[Value]]:
        expected = self.expect(predicted)
        return {
            "lend": (expected > self.threshold).tolist(),
            "expected_profit": [round(value, 2) for value in expected.tolist()],
        }

    def expect(self, predicted: Mapping[str, Tensor]) -> Tensor:
        """Expected profit of granting each application, ``[N]``, by what is predicted of it."""
        bad = predicted["default"]
        if self.odds != 1.0:  # else the probability stays to the last digit what the network said
            bad = self.odds * bad / (1.0 - bad + self.odds * bad)
        return self.terms.profit(predicted["log_amount"].exp(), bad)

    def decide(
        self, expected: Mapping[str, Tensor], amount: Tensor, bad: Tensor, groups: NDArray[np.int64] | None = None
    ) -> "LendingReport":
        """Decide on N applications.

        Args:
            expected: profits that the agent, and others that predict, expect of granting each, ``[N]``; the agent's
                first.
            amount: true sums, ``[N]``.
            bad: true outcomes, ``[N]``: 1 = not paid back.
            groups: number of each one's group, whose applications may depend on each other, ``[N]``; None: none does.

        Returns:
            The decisions of these, of lending to everyone and to nobody, and of the truth.
        """
        profit = self.terms.profit(amount, bad)
        all_of_them = torch.ones_like(bad, dtype=torch.bool)
        grants = {who: values > self.threshold for who, values in expected.items()}
        grants |= {"everyone": all_of_them, "nobody": ~all_of_them, TRUTH: profit > 0}
        first = next(iter(expected.values())).tolist()
        decisions = [Decisions(who, lent.tolist(), first, profit.tolist()) for who, lent in grants.items()]
        return LendingReport(decisions, bad.tolist(), groups)


@dataclass(frozen=True)
class Decisions:
    """Whom somebody lends to.

    Attributes:
        who: decides.
        lent: whether, by application.
        expected: profit of every application if it is granted, by the network.
        profit: profit of every application if it is granted, as it came.
    """

    who: str
    lent: list[bool]
    expected: list[float]
    profit: list[float]

    @property
    def total(self) -> float:
        """Profit of the loans given."""
        return sum(profit for profit, lent in zip(self.profit, self.lent, strict=True) if lent)


class LendingReport(ExecutionReport):
    """Loans and profits of the agent, of its baselines and of the truth.

    A record is one application: the expected and the true profit of granting it, and who does. The summary begins with
    ``profit``, that of the agent per application; ``<who>_profit`` is per application too, ``<who>_loans`` counts the
    loans given and ``<who>_bad`` is the share of them that was not paid back.

    Args:
        decisions: of each, the agent's first.
        bad: true outcomes by application: 1 = not paid back.
        groups: number of each application's group, ``[N]``; None: no application depends on another.
    """

    def __init__(
        self, decisions: Sequence[Decisions], bad: Sequence[float], groups: NDArray[np.int64] | None = None
    ) -> None:
        self.decisions, self.bad, self.groups = tuple(decisions), tuple(bad), groups

    def share_bad(self, decisions: Decisions) -> float:
        """Share of the loans given that were not paid back; 0 where none was given."""
        outcomes = [bad for bad, lent in zip(self.bad, decisions.lent, strict=True) if lent]
        return sum(outcomes) / len(outcomes) if outcomes else 0.0

    @override
    def records(self) -> list[dict[str, Value]]:
        first = self.decisions[0]
        return [
            {
                "application": row + 1,
                "expected": first.expected[row],
                "profit": first.profit[row],
                **{one.who: one.lent[row] for one in self.decisions},
            }
            for row in range(len(self.bad))
        ]

    @override
    def summary(self) -> dict[str, float]:
        numbers = {"profit": self.decisions[0].total / len(self.bad), "applications": len(self.bad)}
        for one in self.decisions:
            numbers[f"{one.who}_profit"] = one.total / len(self.bad)
            numbers[f"{one.who}_loans"] = sum(one.lent)
            numbers[f"{one.who}_bad"] = self.share_bad(one)
        return numbers

    @override
    def outcome(self) -> Outcome | None:
        """Profit of the agent by application; 0 where it does not lend.

        A difference is divided by the profit per application of one who knows the truth, so that a gain is a share of
        all that can be earned. It is the same for every agent and above 0, where the profit of a baseline, or of
        lending to everyone, may be near 0 or below and would make any difference large. None where nothing can be
        earned.
        """
        agent = self.decisions[0]
        earned = next(one.total for one in self.decisions if one.who == TRUTH)
        if not earned:
            return None
        values = np.where(agent.lent, agent.profit, 0.0)
        return Outcome("profit", True, values, scale=earned / len(self.bad), groups=self.groups)

    @override
    def table(self) -> Table:
        columns = ("who decides", "loans", "not paid back", "profit", "per application")
        rows = [
            (
                LABELS.get(one.who, one.who),
                str(sum(one.lent)),
                f"{self.share_bad(one):.1%}",
                f"{one.total:,.0f}",
                f"{one.total / len(self.bad):.1f}",
            )
            for one in self.decisions
        ]
        return plain_table(f"Lending: what comes of {len(self.bad)} applications", columns, rows, texts=1)
