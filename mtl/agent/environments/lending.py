"""Credit applications as a place to act: whom to lend to, decided by expected profit, paid by what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import torch
from rich import box
from rich.table import Table
from torch import Tensor

from mtl.agent.environment import Environment, ExecutionReport, Value
from mtl.errors import InputError
from mtl.suites.base import Predict
from mtl.suites.credit import credit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AGENT, TRUTH = "agent", "truth"


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
        """``amount (margin (1 - bad) - loss bad) - cost``, ``[N]``: of what happened if ``bad`` is 0 or 1, expected if
        it is a probability.
        """
        return amount * (self.margin * (1 - bad) - self.loss * bad) - self.cost


class Lending(Environment):
    """Decides on the applications of the test rows of ``task=credit``.

    The agent lends where the expected profit, of the network's probability of default and its sum, is above 0. Beside
    it: everyone gets a loan, and the truth, which lends exactly where a profit will be made. Profits are those of the
    true outcomes and sums.

    Args:
        margin, loss, cost: see :class:`Terms`.
        split_seed: ``task.seed`` of the run, which says which rows are test rows.

    Raises:
        InputError: terms below 0.
    """

    requires = ("default", "log_amount")

    def __init__(self, margin: float = 0.2, loss: float = 0.5, cost: float = 20.0, split_seed: int = 0) -> None:
        if not all(isfinite(value) and value >= 0 for value in (margin, loss, cost)):
            raise InputError(f"margin={margin}, loss={loss}, cost={cost}: expected 0 or more")
        self.terms, self.split_seed = Terms(margin, loss, cost), split_seed

    @torch.inference_mode()
    def run(self, predict: Predict) -> "LendingReport":
        """Decide on every application, and see what comes of it."""
        suite = credit(seed=self.split_seed)
        suite.configure_batches(1, seed=0)  # nothing is trained, so no number of rows is too few
        suite.setup("test")
        rows = suite.splits["test"]
        raw = predict(rows.inputs)
        decoded = {task.name: task.decode(raw[task.name]).float() for task in suite.tasks}
        expected = self.terms.profit(decoded["log_amount"].exp(), decoded["default"])
        return self.decided(expected, rows.targets["log_amount"].exp(), rows.targets["default"])

    def decided(self, expected: Tensor, amount: Tensor, bad: Tensor) -> "LendingReport":
        """The same for given expected profits, true sums and outcomes (1 = not paid back), ``[N]`` each."""
        profit = self.terms.profit(amount, bad)
        grants = {AGENT: expected > 0, "everyone": torch.ones_like(bad, dtype=torch.bool), TRUTH: profit > 0}
        decisions = [Decisions(who, lent.tolist(), expected.tolist(), profit.tolist()) for who, lent in grants.items()]
        return LendingReport(decisions, bad.tolist())


@dataclass(frozen=True)
class Decisions:
    """Whom somebody lends to.

    Attributes:
        who: decides.
        lent: whether, by application.
        expected, profit: of every application if it is granted, by the network and as it came.
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
    """Loans and profits of the agent, of lending to everyone and of who knows the truth."""

    def __init__(self, decisions: Sequence[Decisions], bad: Sequence[float]) -> None:
        self.decisions, self.bad = tuple(decisions), tuple(bad)

    def share_bad(self, decisions: Decisions) -> float:
        """Share of the loans given that were not paid back; 0 where none was given."""
        outcomes = [bad for bad, lent in zip(self.bad, decisions.lent, strict=True) if lent]
        return sum(outcomes) / len(outcomes) if outcomes else 0.0

    def records(self) -> list[dict[str, Value]]:
        """One row per application: expected and true profit of granting it, and who did."""
        first = self.decisions[0]
        return [
            {
                "application": row + 1,
                "expected": first.expected[row],
                "profit": first.profit[row],
                **{who.who: who.lent[row] for who in self.decisions},
            }
            for row in range(len(self.bad))
        ]

    def summary(self) -> dict[str, float]:
        """``profit`` of the agent per application, then ``<who>_profit``, ``<who>_loans`` and ``<who>_bad`` of all."""
        numbers = {"profit": self.decisions[0].total / len(self.bad), "applications": len(self.bad)}
        for who in self.decisions:
            numbers[f"{who.who}_profit"] = who.total / len(self.bad)
            numbers[f"{who.who}_loans"] = sum(who.lent)
            numbers[f"{who.who}_bad"] = self.share_bad(who)
        return numbers

    def table(self) -> Table:
        """Who lends, to how many, and what comes of it."""
        title = f"Lending: what comes of {len(self.bad)} applications"
        table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("who decides", "loans", "not paid back", "profit", "per application"):
            table.add_column(name, justify="left" if name == "who decides" else "right")
        for who in self.decisions:
            profit = f"{who.total:,.0f}", f"{who.total / len(self.bad):.1f}"
            table.add_row(who.who, str(sum(who.lent)), f"{self.share_bad(who):.1%}", *profit)
        return table

    def figures(self) -> Iterator[tuple[str, "Figure"]]:
        """None."""
        return iter(())
