"""What came of the warnings of flights: those of the agent, of its baselines and of the truth, by day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.table import Table
from typing_extensions import override

from mtl.agent.analysis.resampling import mean_interval, with_interval
from mtl.agent.report import ExecutionReport, Value, plain_table, to_csv
from mtl.runs.contributions import Outcome

AGENT, SINGLE, LINEAR, RULE, RANDOM, TRUTH = "agent", "single", "linear", "rule", "random", "truth"
LABELS = {SINGLE: "single-task run", LINEAR: "linear model", RULE: "plain rule", RANDOM: "drawn at random"}
ALPHA = 0.05  # share of the times that any of the printed intervals misses

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Flights:
    """Flights of some days of which it is known what came of them.

    Attributes:
        predicted: decoded predictions by task, ``[N]`` each.
        minutes: delay of the arrival, 0 if early, or what a cancellation counts as, ``[N]``.
        bad: departed late or did not depart, ``[N]``.
        day: number of its day, 0 to D - 1 in the order of the rows, ``[N]``.
        rows: place among the rows of the split, ``[N]``.
    """

    predicted: Mapping[str, Floats]
    minutes: Floats
    bad: Flags
    day: Numbers
    rows: Numbers


def in_order(groups: Numbers) -> Numbers:
    """Groups numbered from 0 in the order in which they appear, ``[N]``."""
    return np.asarray(pd.factorize(groups)[0], dtype=np.int64)


def by_day(values: Floats, day: Numbers) -> Floats:
    """Sums over the flights of each day, ``[N] -> [D]``."""
    return np.asarray(np.bincount(day, values), dtype=np.float64)


def place_in_day(expected: Floats, day: Numbers) -> Numbers:
    """Place of each flight among those of its day, 0 for the one of which most is expected; ties as the rows stand."""
    order = np.lexsort((-expected, day))
    first = np.searchsorted(day[order], np.arange(int(day.max(initial=-1)) + 1))
    place = np.empty(len(day), dtype=np.int64)
    place[order] = np.arange(len(day)) - first[day[order]]
    return place


@dataclass(frozen=True)
class Warnings:
    """What somebody's warnings came to, by day, ``[D]`` each.

    Attributes:
        count: warnings.
        right: of flights that departed late or not at all.
        minutes: of delay warned of.
    """

    count: Floats
    right: Floats
    minutes: Floats

    @classmethod
    def of(cls, chosen: Flags, flights: Flights) -> "Warnings":
        """Those of the chosen flights."""
        warned = chosen.astype(np.float64)
        return cls(*(by_day(warned * values, flights.day) for values in (1.0, flights.bad, flights.minutes)))

    @classmethod
    def drawn(cls, budgets: Numbers, flights: Flights) -> "Warnings":
        """The expectation of drawing flights at random."""
        share = budgets / np.bincount(flights.day)
        every = cls.of(np.ones(len(flights.day), dtype=bool), flights)
        return cls(share * every.count, share * every.right, share * every.minutes)


class AlertsReport(ExecutionReport):
    """Warnings of the agent, of its baselines and of the truth, day by day.

    A record is one day. The summary begins with ``net_minutes``, minutes of delay that the agent warns of a day less
    the price of its warnings. For everyone it holds ``<who>_net_minutes``, ``<who>_minutes`` and ``<who>_warnings`` a
    day and ``<who>_precision``, the share of the warnings whose flight departed late or not at all; ``over_<who>`` is
    the mean difference of the agent's net minutes and the other's on the same days, with the interval
    ``over_<who>_low`` to ``_high``: days are drawn again (see
    :func:`~mtl.agent.analysis.resampling.mean_interval`), and all of them hold together at 95 %. ``alerts.csv`` has
    every warning of the agent.

    Args:
        of_days: by who decides; the agent first.
        flights: of which they could warn.
        price: of a warning, in minutes.
        alerts: a record for each warning of the agent.
    """

    def __init__(
        self,
        of_days: Mapping[str, Warnings],
        flights: Flights,
        price: float,
        alerts: Sequence[dict[str, Value]],
    ) -> None:
        self.of_days, self.price, self.alerts = dict(of_days), price, list(alerts)
        self.flights = np.bincount(flights.day)
        self.bad = np.bincount(flights.day, flights.bad)

    def net(self, who: str) -> Floats:
        """Minutes warned of less the price, by day ``[D]``."""
        one = self.of_days[who]
        return one.minutes - self.price * one.count

    def lost(self) -> Floats:
        """What the truth earns more than the agent, by day ``[D]``."""
        return self.net(TRUTH) - self.net(AGENT)

    def precision(self, who: str) -> float:
        """Share of the warnings whose flight departed late or not at all; 0 without a warning."""
        one = self.of_days[who]
        return float(one.right.sum() / one.count.sum()) if one.count.sum() else 0.0

    def ahead(self, who: str) -> tuple[float, float, float]:
        """By how many net minutes a day the agent is ahead of another one: the mean and its interval."""
        difference = self.net(AGENT) - self.net(who)
        return float(difference.mean()), *mean_interval(difference, ALPHA / (len(self.of_days) - 1))

    @override
    def records(self) -> list[dict[str, Value]]:
        return [
            {
                "day": day + 1,
                "flights": int(self.flights[day]),
                "late_or_cancelled": int(self.bad[day]),
                **{f"{who}_net_minutes": round(float(self.net(who)[day]), 2) for who in self.of_days},
                f"{AGENT}_warnings": int(self.of_days[AGENT].count[day]),
                f"{AGENT}_right": int(self.of_days[AGENT].right[day]),
            }
            for day in range(len(self.flights))
        ]

    @override
    def summary(self) -> dict[str, float]:
        days = len(self.flights)
        numbers = {"net_minutes": float(self.net(AGENT).mean()), "days": days, "flights": int(self.flights.sum())}
        for who, one in self.of_days.items():
            numbers[f"{who}_net_minutes"] = float(self.net(who).mean())
            numbers[f"{who}_minutes"] = float(one.minutes.mean())
            numbers[f"{who}_warnings"] = float(one.count.mean())
            numbers[f"{who}_precision"] = self.precision(who)
            if who != AGENT:
                names = (f"over_{who}", f"over_{who}_low", f"over_{who}_high")
                numbers |= dict(zip(names, self.ahead(who), strict=True))
        return numbers

    @override
    def outcome(self) -> Outcome | None:
        """Net minutes of the agent by day; a gain is a share of what the truth earns. None where that is nothing."""
        earned = float(self.net(TRUTH).mean())
        return (
            Outcome("net minutes a day", higher_is_better=True, values=self.net(AGENT), scale=earned)
            if earned
            else None
        )

    @override
    def failures(self, count: int) -> list[dict[str, Value]]:
        """The days on which the agent is furthest behind the truth, and by how many minutes."""
        records, lost = self.records(), self.lost()
        worst = (-lost).argsort(kind="stable")[:count]
        return [
            {"day": int(day) + 1, "minutes_behind_truth": round(float(lost[day]), 2)} | records[day] for day in worst
        ]

    @override
    def texts(self) -> Iterator[tuple[str, str]]:
        yield "alerts.csv", to_csv(self.alerts)

    @override
    def table(self) -> Table:
        columns = ("who warns", "a day", "right", "minutes", "net", "agent ahead by")
        rows = []
        for who, one in self.of_days.items():
            lead = "" if who == AGENT else with_interval(*self.ahead(who), "+,.0f")
            net = float(self.net(who).mean())
            numbers = (f"{one.count.mean():.1f}", f"{self.precision(who):.1%}", f"{one.minutes.mean():,.0f}")
            rows.append((LABELS.get(who, who), *numbers, f"{net:,.0f}", lead))
        title = f"Alerts: minutes of delay warned of a day, {len(self.flights)} days, intervals 95 %"
        return plain_table(title, columns, rows, texts=1)
