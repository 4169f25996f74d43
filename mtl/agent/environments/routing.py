"""Routing: to which desk of a shop a customer's message goes, and who is answered first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, isfinite
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor
from typing_extensions import override

from mtl.agent.analysis.resampling import mean_interval, with_interval
from mtl.agent.deciding import DecidingEnvironment
from mtl.agent.environment import cannot_act
from mtl.agent.environments.service_desks import Shift, hash_of, play
from mtl.agent.labelled_rows import predict_test_rows, rows_with_labels
from mtl.agent.linear_baseline import LinearBaseline
from mtl.agent.other_run import predict_of
from mtl.agent.report import ExecutionReport, Value, plain_table
from mtl.errors import InputError, unknown
from mtl.nn.encoder import SINGLE as BAG
from mtl.nn.encoder import Inputs
from mtl.runs.contributions import Outcome
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.reviews.suite import DEPARTMENTS, SENTIMENTS, ReviewsSuite
from mtl.suites.reviews.words import FIRST, Vocabulary
from mtl.tasks import labelled

AGENT, FCFS, SINGLE, LINEAR, KEYWORDS, TRUTH = "agent", "fcfs", "single", "linear", "keywords", "truth"
LABELS = {
    AGENT: "agent",
    FCFS: "agent, by arrival",
    SINGLE: "single-task run",
    LINEAR: "linear model",
    KEYWORDS: "keywords",
}
ALPHA = 0.05  # share of the times that any of the printed intervals misses
UNHAPPY = SENTIMENTS.index("negative")

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Opinion:
    """What somebody thinks of N messages.

    Attributes:
        desk: department that they are about, ``[N]``.
        unhappy: probability that the customer is unhappy, ``[N]``.
    """

    desk: Numbers
    unhappy: Floats

    @classmethod
    def of(cls, predicted: Mapping[str, Tensor]) -> "Opinion":
        """What the predicted probabilities say."""
        unhappy = predicted["sentiment"][:, UNHAPPY].double().numpy()
        return cls(predicted["department"].argmax(1).numpy(), unhappy)


@dataclass(frozen=True)
class Messages:
    """Messages, divided into shifts, and what is thought of them.

    Attributes:
        opinion: of the agent.
        desk: the right one of each, ``[N]``.
        unhappy: whether the customer is, ``[N]``.
        numbers: of the messages of each shift, in the order of arrival.
        shifts: their times.
    """

    opinion: Opinion
    desk: Numbers
    unhappy: Flags
    numbers: tuple[Numbers, ...]
    shifts: tuple[Shift, ...]

    @property
    def truth(self) -> Opinion:
        """What one thinks who knows."""
        return Opinion(self.desk, self.unhappy.astype(np.float64))


class Routing(DecidingEnvironment[Messages]):
    """Sends each test review to the desk of a department, where the customers who seem unhappy are answered first.

    A shift is a discrete-event simulation (:func:`~mtl.agent.environments.service_desks.play`) of ``messages`` reviews
    that arrive as a Poisson process; each test review arrives once, in an order that is drawn, but for the last ones
    where they are too few for a shift. Answering one takes an exponential time. A desk has so many people that they are
    busy for a share ``load`` of the time if every review comes to its department: of N_d of N training rows
    ``ceil(per_hour N_d / N handling / 60 / load)``, at least one. A review at a wrong desk waits there, is read and
    passed on, and waits again. The times of a shift are the same for everyone who decides.

    The agent sends a review to its most probable department. Of those that wait the one with the smallest ``arrival -
    head_start p`` is next, with the minute of its arrival and the probability p of a negative sentiment: a customer who
    is certain to be unhappy overtakes all who came up to ``head_start`` minutes before. Beside it stand the agent whose
    desks answer in the order of arrival, another run if one is given, a linear model (of bags of words, see
    :class:`~mtl.agent.linear_baseline.LinearBaseline`), keywords, and the truth, for which an unhappy customer
    overtakes everyone else.

    Args:
        messages: of a shift; at most as many as there are.
        per_hour: messages that arrive in an hour, on average.
        handling: mean minutes to answer one.
        transfer: minutes to pass one on to another desk.
        load: share of the time in which people are busy, without transfers.
        head_start: minutes by which a customer who is certain to be unhappy is ahead of others.
        keywords: words by department that say what a review is about, the first match in the order of the departments;
            a review without any goes to the desk of most training reviews. None: nobody decides by keywords.
        complaints: words that say that a customer is unhappy; one is enough.
        single: directory of another run on the same data, which decides beside the agent; None: none.
        seed: of the order of the reviews and of the times.

    Raises:
        InputError: an argument out of range, or an unknown department.
    """

    requires: ClassVar[Mapping[str, str]] = {"sentiment": "classes", "department": "classes"}
    suite: ClassVar[type] = ReviewsSuite
    acts_on_test_rows = True
    tunable: ClassVar[Mapping[str, tuple[float, float]]] = {"head_start": (0.0, 600.0)}
    reference: ClassVar[str] = "the wait in the order of arrival"

    def __init__(
        self,
        messages: int = 120,
        per_hour: float = 60.0,
        handling: float = 10.0,
        transfer: float = 3.0,
        load: float = 0.9,
        head_start: float = 120.0,
        keywords: Mapping[str, Sequence[str]] | None = None,
        complaints: Sequence[str] = (),
        single: str | None = None,
        seed: int = 0,
    ) -> None:
        if messages < 1 or not isfinite(per_hour + handling + transfer) or min(per_hour, handling) <= 0 or transfer < 0:
            raise InputError(
                f"messages={messages}, per_hour={per_hour}, handling={handling}, transfer={transfer}: expected numbers "
                "above 0, transfer from 0"
            )
        if not 0 < load <= 1:
            raise InputError(f"load={load}: expected a share above 0, at most 1")
        for name in keywords or {}:
            if name not in DEPARTMENTS:
                raise unknown("department in keywords", str(name), DEPARTMENTS)
        if type(seed) is not int or seed < 0:
            raise InputError(f"seed={seed}: expected a whole number, 0 or more")
        self.messages, self.per_hour, self.handling = messages, per_hour, handling
        self.transfer, self.load, self.head_start, self.seed = transfer, load, head_start, seed
        self.keywords, self.complaints, self.single = keywords, tuple(complaints), single
        self.check_settings()

    @override
    def check(self, data: MultiTaskDataModule) -> None:
        super().check(data)
        assert isinstance(data, ReviewsSuite)
        if self.keywords is not None and data.tokenizer:
            raise InputError(
                f"{cannot_act(self)}: keywords are whole words, and task.tokenizer={data.tokenizer} makes pieces of "
                "them; keywords=null decides without"
            )

    @override
    @torch.inference_mode()
    def run(self, predict: Predict, data: MultiTaskDataModule) -> "RoutingReport":
        assert isinstance(data, ReviewsSuite)
        names = tuple(self.requires)
        messages = self.cases(predict, data, "test")
        opinions = {AGENT: messages.opinion, FCFS: messages.opinion}
        if self.single is not None:
            other = predict_of(self.single, data, names, "single")
            opinions[SINGLE] = Opinion.of(predict_test_rows(other, data, names).predicted)
        if data.form == "bag":
            linear = LinearBaseline(data, names).predict
            opinions[LINEAR] = Opinion.of(predict_test_rows(linear, data, names).predicted)
        if self.keywords is not None:
            opinions[KEYWORDS] = Opinion.of(predict_test_rows(self.by_keywords(data), data, names).predicted)
        return self.route(opinions, messages)

    @override
    def check_rows(self, data: MultiTaskDataModule) -> None:
        self.check_shift(int(rows_with_labels(data, tuple(self.requires)).sum()), "test")

    def check_shift(self, count: int, split: str) -> None:
        """InputError where a shift has more messages than there are."""
        if self.messages > count:
            raise InputError(f"messages={self.messages}: expected at most {count}, the {split} reviews that there are")

    @override
    def cases(self, predict: Predict, data: MultiTaskDataModule, split: str) -> Messages:
        rows = predict_test_rows(predict, data, tuple(self.requires), split)
        self.check_shift(len(rows.true["department"]), split)
        desk = rows.true["department"].numpy()
        unhappy = (rows.true["sentiment"] == UNHAPPY).numpy()
        staff = self.staff(data.splits["train"].targets["department"].numpy())
        return self.shifts(Opinion.of(rows.predicted), desk, unhappy, staff)

    def staff(self, desk: Numbers) -> Numbers:
        """People at each desk, by the departments of the training rows, ``[D]``."""
        share = np.bincount(desk[desk >= 0], minlength=len(DEPARTMENTS)) / (desk >= 0).sum()
        return np.array([max(1, ceil(self.per_hour * s * self.handling / 60 / self.load)) for s in share])

    def shifts(self, opinion: Opinion, desk: Numbers, unhappy: Flags, staff: Numbers) -> Messages:
        """Divide messages into shifts: all of them have as many, but for what is left over, which is left out."""
        whole = len(desk) // self.messages
        order = np.random.default_rng([self.seed, 0]).permutation(len(desk))[: whole * self.messages]
        numbers = tuple(np.array_split(order, whole))
        seeds = np.random.SeedSequence([self.seed, 1]).spawn(whole)
        times = (self.per_hour, self.handling, self.transfer)
        drawn = (Shift.draw(desk[rows], staff, *times, seed) for rows, seed in zip(numbers, seeds, strict=True))
        return Messages(opinion, desk, unhappy, numbers, tuple(drawn))

    def by_keywords(self, data: ReviewsSuite) -> Predict:
        """What keywords say of inputs, as the raw predictions of a network: 0 or 1."""
        assert self.keywords is not None
        assert isinstance(data.vocabulary, Vocabulary)
        place = {word: number for number, word in enumerate(data.vocabulary.words)}
        keywords = [map(str.lower, self.keywords.get(name, ())) for name in DEPARTMENTS]  # as texts are read
        desks = [[place[word] for word in words if word in place] for words in keywords]
        complaints = [place[word] for word in map(str.lower, self.complaints) if word in place]
        learned = data.splits["train"].targets["department"]
        usual = int(learned[labelled(learned)].bincount().argmax())

        def predict(inputs: Inputs) -> dict[str, Tensor]:
            about = torch.stack([holds(inputs, words) for words in desks], 1)
            about[:, usual] |= ~about.any(1)
            # Of several departments the first: later ones count less
            certain = about.float() * torch.arange(len(desks), 0, -1) * 50.0
            unhappy = holds(inputs, complaints).float()
            rest = torch.zeros(len(unhappy), len(SENTIMENTS) - 1)
            return {"department": certain, "sentiment": torch.cat([unhappy[:, None] * 100.0 - 50.0, rest], 1)}

        return predict

    def minutes(self, opinion: Opinion, messages: Messages, head_start: float) -> "Waits":
        """What every customer waits if somebody of this opinion decides."""
        wait, sent = np.full(len(messages.desk), np.nan), np.full(len(messages.desk), -1)
        for rows, shift in zip(messages.numbers, messages.shifts, strict=True):
            key = shift.arrival - head_start * opinion.unhappy[rows]
            wait[rows], sent[rows] = play(shift, opinion.desk[rows], key), opinion.desk[rows]
        return Waits(
            np.array([mean(wait[rows][messages.unhappy[rows]]) for rows in messages.numbers]),
            np.array([mean(wait[rows]) for rows in messages.numbers]),
            np.array([(sent[rows] != messages.desk[rows]).sum() for rows in messages.numbers], dtype=np.float64),
        )

    @override
    def achieved(self, cases: Messages) -> tuple[Floats, float]:
        found = self.minutes(cases.opinion, cases, self.head_start).unhappy
        usual = self.minutes(cases.opinion, cases, 0.0).unhappy
        known = np.isfinite(found)
        if not known.any():
            raise InputError("in no shift is a customer unhappy, so there is no waiting time to look at")
        return -found[known], float(usual[known].mean())

    @override
    def decisions(self, predicted: Mapping[str, Tensor]) -> dict[str, list[Value]]:
        opinion = Opinion.of(predicted)
        ahead = self.head_start * opinion.unhappy  # 0 of all where it is 0: the order in which they stand
        place = np.empty(len(ahead), dtype=np.int64)
        place[np.argsort(-ahead, kind="stable")] = np.arange(1, len(place) + 1)
        desks: list[Value] = [DEPARTMENTS[one] for one in opinion.desk.tolist()]
        return {"desk": desks, "place": place.tolist(), "head_start_minutes": np.round(ahead, 2).tolist()}

    def route(self, opinions: Mapping[str, Opinion], messages: Messages) -> "RoutingReport":
        """Play all shifts once for everybody.

        Args:
            opinions: by who decides, of each message; the agent first.
            messages: and their shifts.

        Returns:
            What customers wait with each of them and with the truth.
        """
        found = {
            who: self.minutes(opinion, messages, 0.0 if who == FCFS else self.head_start)
            for who, opinion in opinions.items()
        }
        last = max(float(shift.arrival[-1]) for shift in messages.shifts)
        found[TRUTH] = self.minutes(messages.truth, messages, last + 1.0)
        unhappy = [int(messages.unhappy[rows].sum()) for rows in messages.numbers]
        return RoutingReport(found, [len(rows) for rows in messages.numbers], unhappy, hash_of(messages.shifts))


def holds(inputs: Inputs, words: Sequence[int]) -> Tensor:
    """Which texts hold any of some words of the vocabulary, ``[N]`` bool."""
    if BAG in inputs:
        return (inputs[BAG][:, list(words)] > 0).any(1)
    return torch.isin(inputs["tokens"], torch.tensor(list(words), dtype=torch.long) + FIRST).any(1)


def mean(values: Floats) -> float:
    """The mean; NaN of none."""
    return float(values.mean()) if len(values) else float("nan")


@dataclass(frozen=True)
class Waits:
    """What customers wait with somebody's decisions, by shift ``[S]``.

    Attributes:
        unhappy: mean minutes of those who are unhappy; NaN in a shift without any.
        everyone: mean minutes of all.
        transfers: messages that came to a wrong desk first.
    """

    unhappy: Floats
    everyone: Floats
    transfers: Floats


class RoutingReport(ExecutionReport):
    """Waiting times with the agent, its baselines and the truth, shift by shift.

    A record is one shift. The summary begins with ``wait``, the minutes that unhappy customers wait with the agent, the
    mean over shifts; ``<who>_wait`` is that of everyone who decides, ``<who>_wait_all`` that of all customers, and
    ``<who>_transfers`` the share of the messages that came to a wrong desk first. ``before_<who>`` says by how many
    minutes unhappy customers wait less with the agent, with the interval ``before_<who>_low`` to ``_high``: shifts are
    drawn again (see :func:`~mtl.agent.analysis.resampling.mean_interval`), and all of them hold together at 95 %.

    Args:
        waits: by who decides; the agent first.
        messages: of each shift.
        unhappy: customers of each shift.
        shifts: a hash of all of them; empty: it is not known.
    """

    def __init__(
        self, waits: Mapping[str, Waits], messages: Sequence[int], unhappy: Sequence[int], shifts: str = ""
    ) -> None:
        known = np.array(unhappy) > 0
        if not known.any():
            raise InputError("in no shift is a customer unhappy, so there is no waiting time to look at")
        self.waits = {
            who: replace(one, **{name: values[known] for name, values in vars(one).items()})
            for who, one in waits.items()
        }
        self.messages, self.unhappy, self.shifts = np.array(messages)[known], np.array(unhappy)[known], shifts

    def before(self, who: str) -> tuple[float, float, float]:
        """By how many minutes unhappy customers wait less with the agent: the mean and its interval."""
        difference = self.waits[who].unhappy - self.waits[AGENT].unhappy
        return float(difference.mean()), *mean_interval(difference, ALPHA / (len(self.waits) - 1))

    def transfers(self, who: str) -> float:
        """Share of the messages that came to a wrong desk first."""
        return float(self.waits[who].transfers.sum() / self.messages.sum())

    @override
    def records(self) -> list[dict[str, Value]]:
        return [
            {
                "shift": shift + 1,
                "messages": int(self.messages[shift]),
                "unhappy": int(self.unhappy[shift]),
                **{f"{who}_wait": round(float(one.unhappy[shift]), 3) for who, one in self.waits.items()},
                f"{AGENT}_transfers": int(self.waits[AGENT].transfers[shift]),
            }
            for shift in range(len(self.messages))
        ]

    @override
    def summary(self) -> dict[str, float]:
        numbers: dict[str, Any] = {
            "wait": float(self.waits[AGENT].unhappy.mean()),
            "shifts": len(self.messages),
            "messages": int(self.messages.sum()),
        }
        for who, one in self.waits.items():
            numbers[f"{who}_wait"] = float(one.unhappy.mean())
            numbers[f"{who}_wait_all"] = float(one.everyone.mean())
            numbers[f"{who}_transfers"] = self.transfers(who)
            if who != AGENT:
                names = (f"before_{who}", f"before_{who}_low", f"before_{who}_high")
                numbers |= dict(zip(names, self.before(who), strict=True))
        return numbers

    @override
    def outcome(self) -> Outcome:
        """Mean minutes that unhappy customers wait with the agent, by shift; a gain is relative to the baseline."""
        return Outcome(
            "minutes that unhappy customers wait",
            higher_is_better=False,
            values=self.waits[AGENT].unhappy,
            scale=None,
            instances=self.shifts,
        )

    @override
    def table(self) -> Table:
        columns = ("who routes", "unhappy", "all", "wrong desk", "unhappy wait longer by")
        rows = []
        for who, one in self.waits.items():
            lead = "" if who == AGENT else with_interval(*self.before(who), "+.2f")
            numbers = (f"{one.unhappy.mean():.2f}", f"{one.everyone.mean():.2f}", f"{self.transfers(who):.1%}")
            rows.append((LABELS.get(who, who), *numbers, lead))
        title = f"Routing: minutes of waiting, {len(self.messages)} shifts, intervals 95 %"
        return plain_table(title, columns, rows, texts=1)
