"""Alerts: of which flights of a day to warn, when there are only so many warnings a day."""

from collections.abc import Mapping, Sequence
from math import floor, isfinite
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from torch import Tensor
from typing_extensions import override

from mtl.agent.deciding import DecidingEnvironment, check_columns
from mtl.agent.environment import cannot_act
from mtl.agent.environments.alerts_report import (
    AGENT,
    LINEAR,
    RANDOM,
    RULE,
    SINGLE,
    TRUTH,
    AlertsReport,
    Flags,
    Flights,
    Floats,
    Numbers,
    Warnings,
    by_day,
    in_order,
    place_in_day,
)
from mtl.agent.labelled_rows import predict_rows
from mtl.agent.linear_baseline import LinearBaseline
from mtl.agent.other_run import predict_of
from mtl.agent.report import Value
from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.table import TableSuite
from mtl.tasks import labelled

BINS = 10  # of a column of numbers in the rule
ROUNDING = 1e-6  # of a warning, by which a share of a day's flights may be off
PRIOR_ROWS = 20  # rows of the mean of all rows that a group of the rule counts with its own


class Alerts(DecidingEnvironment[Flights]):
    """Warns of the flights of each test day that will be delayed most or cancelled, of a limited number a day.

    A warning of a flight is worth the minutes by which it arrives late, a cancelled one ``cancelled_minutes``, less
    the ``price`` of a warning. The agent expects ``(1 - c) (d + lateness p) + c cancelled_minutes - price`` of it, with
    the predicted delay d in minutes, the probability p of a late departure and c of a cancellation. Of the flights of a
    day of which it expects more than ``threshold``, it warns of the best ones, as many as the budget allows. In the
    same way and with the same settings decide a linear model (see
    :class:`~mtl.agent.linear_baseline.LinearBaseline`) and another run, if one is given. The plain rule expects of a
    flight what the training flights that agree with it in some columns were worth on average; ``random`` is the
    expectation of drawing the flights of a full budget; the truth warns of those that are worth most. A flight that
    departed and whose arrival is not known (it was diverted), or not whether it departed late, is left out.

    Args:
        budget: warnings a day; below 1 the share of the day's flights, at least one.
        price: of a warning, in minutes.
        cancelled_minutes: minutes of delay that a cancellation counts as.
        lateness: minutes that a late departure counts as beside the predicted delay.
        threshold: minutes that a flight has to be worth by expectation.
        rule: columns of the plain rule; numbers are divided into tenths of the training rows.
        show: columns of the table that are written beside every warning.
        single: directory of another run on the same data, which decides beside the agent; None: none.

    Raises:
        InputError: an argument out of range, a rule by what is predicted, or ``single`` is no run.
    """

    requires: ClassVar[Mapping[str, str]] = {"late": "binary", "arrival_delay": "regression", "cancelled": "binary"}
    suite: ClassVar[type] = TableSuite
    acts_on_test_rows = True
    tunable: ClassVar[Mapping[str, tuple[float, float]]] = {"lateness": (-60.0, 120.0), "threshold": (-60.0, 60.0)}

    def __init__(
        self,
        budget: float = 50,
        price: float = 15.0,
        cancelled_minutes: float = 180.0,
        lateness: float = 0.0,
        threshold: float = 0.0,
        rule: Sequence[str] = (),
        show: Sequence[str] = (),
        single: str | None = None,
    ) -> None:
        if isinstance(budget, bool) or not (0 < budget < 1 or (budget >= 1 and budget == floor(budget))):
            raise InputError(f"budget={budget}: expected a whole number of warnings a day, or a share between 0 and 1")
        if not all(isfinite(value) and value >= 0 for value in (price, cancelled_minutes)):
            raise InputError(f"price={price}, cancelled_minutes={cancelled_minutes}: expected 0 or more")
        self.budget, self.price, self.cancelled_minutes = budget, price, cancelled_minutes
        self.lateness, self.threshold = lateness, threshold
        self.check_settings()
        self.rule, self.show, self.single = tuple(rule), tuple(show), single

    @override
    def check(self, data: MultiTaskDataModule) -> None:
        super().check(data)
        assert isinstance(data, TableSuite)
        if data.splitting.row_groups(data.frame) is None:
            raise InputError(
                f"{cannot_act(self)}: a budget is of a day, and no column says which rows are of one day: "
                "task.split.groups names it"
            )
        for option, names in (("rule", self.rule), ("show", self.show)):
            check_columns(self, option, names, list(map(str, data.frame.columns)))
        for name in self.rule:
            if name in {str(target.column) for target in data.targets}:
                raise InputError(f"{cannot_act(self)}: rule: '{name}' is what is predicted, which a rule does not know")

    @override
    def check_rows(self, data: MultiTaskDataModule) -> None:
        self.known_rows(data, "test")

    @override
    @torch.inference_mode()
    def run(self, predict: Predict, data: MultiTaskDataModule) -> AlertsReport:
        assert isinstance(data, TableSuite)
        flights = self.cases(predict, data, "test")
        others: dict[str, Predict] = {LINEAR: LinearBaseline(data, tuple(self.requires)).predict}
        if self.single is not None:
            others = {SINGLE: predict_of(self.single, data, tuple(self.requires), "single"), **others}
        expected = {AGENT: self.expect(flights.predicted)}
        for who, other in others.items():
            expected[who] = self.expect(self.cases(other, data, "test").predicted)
        if self.rule:
            expected[RULE] = self.expect_by_rule(data)[flights.rows]
        shown = data.frame.iloc[data.splitting.rows(data.frame)["test"][flights.rows]]
        return self.warn(expected, flights, shown)

    @override
    def cases(self, predict: Predict, data: MultiTaskDataModule, split: str) -> Flights:
        predicted = predict_rows(predict, data, tuple(self.requires), split)
        targets, groups = data.splits[split].targets, data.splits[split].groups
        assert groups is not None
        minutes, bad = self.worth(targets), ((targets["late"] == 1) | (targets["cancelled"] == 1)).numpy()
        rows = self.known_rows(data, split)
        day = in_order(groups.numpy()[rows])
        return Flights({name: values[rows] for name, values in predicted.items()}, minutes[rows], bad[rows], day, rows)

    def known_rows(self, data: MultiTaskDataModule, split: str) -> Numbers:
        """Places of the flights of which it is known what came of them. InputError if there is none."""
        targets = data.splits[split].targets
        departed = labelled(targets["late"]) | (targets["cancelled"] == 1)
        rows = np.flatnonzero(np.isfinite(self.worth(targets)) & departed.numpy())
        if not len(rows):
            raise InputError(f"of no flight of the {split} rows is it known what came of it")
        return rows

    def worth(self, targets: Mapping[str, Tensor]) -> Floats:
        """Minutes that a warning of each flight is worth before its price, ``[N]``; NaN where that is not known."""
        delay, cancelled = targets["arrival_delay"].double().numpy(), targets["cancelled"].numpy()
        return np.asarray(np.where(cancelled == 1, self.cancelled_minutes, np.maximum(delay, 0.0)), dtype=np.float64)

    def expect(self, predicted: Mapping[str, Floats]) -> Floats:
        """Expected minutes of a warning of each flight, less its price, ``[N]``."""
        cancelled = predicted["cancelled"]
        flown = predicted["arrival_delay"] + self.lateness * predicted["late"]
        return np.asarray((1 - cancelled) * flown + cancelled * self.cancelled_minutes - self.price, dtype=np.float64)

    def expect_by_rule(self, data: TableSuite) -> Floats:
        """What the plain rule expects of each test row, ``[N]``.

        With the mean m of all training flights and the n flights of a group whose mean is m_g, that is
        ``(n m_g + 20 m) / (n + 20)``, so that a small group says little.
        """
        rows = data.splitting.rows(data.frame)
        train = pd.DataFrame(index=range(len(rows["train"])))
        test = pd.DataFrame(index=range(len(rows["test"])))
        for name in self.rule:
            column = data.frame[name]
            if is_numeric_dtype(column) and not is_bool_dtype(column):  # yes and no have no tenths
                edges = np.unique(np.nanquantile(column.iloc[rows["train"]], np.linspace(0, 1, BINS + 1)[1:-1]))
                tenths = pd.Series(np.digitize(column, edges), index=column.index)
                column = tenths.mask(column.isna(), -1)  # a missing value is not the largest one
            train[name], test[name] = (column.iloc[rows[part]].to_numpy() for part in ("train", "test"))
        kept = data.kept or range(len(train))
        train = train.iloc[list(kept)].assign(worth=self.worth(data.splits["train"].targets) - self.price)
        groups = train.groupby(list(self.rule), dropna=False)["worth"].agg(["sum", "count"]).reset_index()
        everywhere = train["worth"].mean()
        found = test.merge(groups, on=list(self.rule), how="left")
        total, count = found["sum"].fillna(0.0), found["count"].fillna(0.0)
        return np.asarray((total + PRIOR_ROWS * everywhere) / (count + PRIOR_ROWS), dtype=np.float64)

    def chosen(self, expected: Floats, day: Numbers, threshold: float) -> Flags:
        """Which flights are warned of: the best of each day, of those above the threshold, within the budget."""
        return (place_in_day(expected, day) < self.budgets(day)[day]) & (expected > threshold)

    def budgets(self, day: Numbers) -> Numbers:
        """Warnings allowed on each day ``[D]``."""
        flights = np.bincount(day)
        # 0.29 of 100 flights are 29, though the product of these numbers is a little less
        share = np.floor(self.budget * flights + ROUNDING)
        allowed = share if self.budget < 1 else np.minimum(self.budget, flights)
        return np.maximum(allowed, 1).astype(np.int64)

    @override
    def achieved(self, cases: Flights) -> tuple[Floats, float]:
        chosen = self.chosen(self.expect(cases.predicted), cases.day, self.threshold)
        worth = cases.minutes - self.price
        best = self.chosen(worth, cases.day, 0.0)
        days = int(cases.day.max()) + 1
        return by_day(chosen * worth, cases.day), float((best * worth).sum()) / days

    @override
    def decisions(self, predicted: Mapping[str, Tensor]) -> dict[str, list[Value]]:
        expected = self.expect({name: values.double().numpy() for name, values in predicted.items()})
        day = np.zeros(len(expected), dtype=np.int64)
        chosen = self.chosen(expected, day, self.threshold)
        return {
            "warn": chosen.tolist(),
            "place": (place_in_day(expected, day) + 1).tolist(),
            "expected_minutes": np.round(expected, 2).tolist(),
        }

    def warn(self, expected: Mapping[str, Floats], flights: Flights, shown: pd.DataFrame | None = None) -> AlertsReport:
        """Warn of N flights.

        Args:
            expected: by who decides, minutes that a warning of each is worth less its price, ``[N]``; the agent first.
            flights: what came of them.
            shown: the rows of the table, in the same order; None: there is none.

        Returns:
            The warnings of these, of drawing at random and of the truth.
        """
        day, worth = flights.day, flights.minutes - self.price
        chosen = {who: self.chosen(values, day, self.threshold) for who, values in expected.items() if who != RULE}
        if RULE in expected:  # the threshold belongs to what a network expects
            chosen[RULE] = self.chosen(expected[RULE], day, 0.0)
        truth = self.chosen(worth, day, 0.0)
        of_days = {who: Warnings.of(mask, flights) for who, mask in chosen.items()}
        of_days[RANDOM] = Warnings.drawn(self.budgets(day), flights)
        of_days[TRUTH] = Warnings.of(truth, flights)
        agent = next(iter(expected.values()))
        return AlertsReport(of_days, flights, self.price, self.listed(agent, chosen[AGENT], flights, shown))

    def listed(
        self, expected: Floats, chosen: Flags, flights: Flights, shown: pd.DataFrame | None
    ) -> list[dict[str, Value]]:
        """A record for each flight that the agent warns of, by day and place."""
        place = place_in_day(expected, flights.day)
        warned = np.flatnonzero(chosen)
        warned = warned[np.lexsort((place[warned], flights.day[warned]))]
        return [
            {
                "day": int(flights.day[one]) + 1,
                "place": int(place[one]) + 1,
                "test_row": int(flights.rows[one]) + 1,
                **({} if shown is None else {name: str(shown[name].iloc[one]) for name in self.show}),
                "expected_minutes": round(float(expected[one]), 2),
                "minutes": float(flights.minutes[one]),
                "late_or_cancelled": bool(flights.bad[one]),
            }
            for one in warned
        ]

    @override
    @torch.inference_mode()
    def test_outcome(self, predict: Predict, data: MultiTaskDataModule) -> Floats:
        """By number of a day: the share of what the truth earns on it that the agent does not."""
        flights = self.cases(predict, data, "test")
        groups = data.splits["test"].groups
        assert groups is not None
        report = self.warn({AGENT: self.expect(flights.predicted)}, flights)
        lost = report.lost() / np.maximum(report.net(TRUTH), self.price + 1e-9)
        found = np.full(int(groups.max()) + 1, np.nan)
        found[groups.numpy()[flights.rows]] = lost[flights.day]
        return found
