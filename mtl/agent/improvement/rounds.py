"""Improving in rounds: each proposal is kept only where fresh validation instances say that it is better."""

import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import Tensor
from typing_extensions import override

from mtl.agent.improvement.base import Improvement, InRounds, Progress, Proposer, Watch, beside
from mtl.agent.improvement.paired import Difference, mean_difference
from mtl.config.run_result import GainResult, ImprovementResult, RoundResult
from mtl.errors import InputError
from mtl.network import Network
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.suites.base import MultiTaskDataModule

_ROUND, _TOTAL = 0, 1  # streams of seeds
_PARTS = ("start", "kept", "searched")  # networks of a state


class Rounds(InRounds):
    """Repeats a search, and keeps what it finds only where the outcome is better beyond its interval.

    In each round a search proposes a network, and this one and the one that was kept last act on the same validation
    instances, which no search and no earlier round has seen: so a round is decided as if it were the only one. The
    proposed network is kept where the interval of its mean gain lies above 0, and that of no group of instances below
    0; else the network of before stays. Gains that are smaller than an interval may add up: where the proposed network
    is better on average, and in no group worse beyond its interval, the next search goes on from it, kept or not; else
    from the one that is kept. In the end the network that is kept and that of the start meet once more, on further
    instances.

    All these intervals are of one level: alpha divided by the rounds and the last comparison (Bonferroni), so that
    those of the mean gains hold together in a share ``1 - alpha`` of the times. Those of single groups, which can only
    hold a proposal back, do not hold together with them. See :func:`~mtl.agent.improvement.paired.mean_difference`.

    Args:
        rounds: how many.
        search: proposes the changes.
        alpha: share of the times that the interval of any mean gain misses.
        first: an improvement that comes before the rounds; None: none. A run that improves a finished one has that of
            the finished one here, so that its config says all that it is made of.

    Raises:
        InputError: an argument out of range, or a search that cannot be repeated.
    """

    def __init__(self, rounds: int, search: Improvement, alpha: float = 0.05, first: Improvement | None = None) -> None:
        if rounds < 1:
            raise InputError(f"rounds={rounds}: expected at least 1")
        if not 0.0 < alpha < 1.0:
            raise InputError(f"alpha={alpha}: expected a number above 0 and below 1, such as 0.05")
        if not isinstance(search, Proposer):
            raise InputError(
                f"search: expected what proposes a network, such as OutcomeSearch, and it is a {type(search).__name__}"
            )
        if search.fewest < 2:
            raise InputError(
                f"search.validation: expected at least 2 instances of a group, and one has {search.fewest}"
            )
        self.rounds, self.search, self.alpha, self.first = rounds, search, alpha, first
        self.reference = search.reference
        self.behind = first.behind + first.rounds if isinstance(first, InRounds) else 0

    def without_first(self) -> Self:
        """The same rounds for a network that ``first`` has improved already."""
        rounds = type(self)(self.rounds, self.search, self.alpha)
        rounds.behind = self.behind
        return rounds

    @property
    @override
    def adds_dispatchers(self) -> bool:
        return self.search.adds_dispatchers or (self.first is not None and self.first.adds_dispatchers)

    @override
    def check(self, data: MultiTaskDataModule, network: Network) -> None:
        self.search.check(data, network)
        if self.first is not None:
            self.first.check(data, network)

    @override
    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        state = State.read(memory)
        if state is None:
            if self.first is not None:
                self.first.improve(network, seed, beside(memory, "first"), partial(_before, watch))
            state = State(weights(network), weights(network), weights(network))
            state.write(memory)
        network.load_state_dict(state.kept)
        while len(state.rounds) < self.rounds:
            state = self.after_round(state, network, seed, memory, watch)
        began = time.perf_counter()
        outcome = self.compared(network, state.start, self.seed_of(seed, _TOTAL, self.behind + self.rounds))
        return ImprovementResult(
            kept="searched" if any(one.kept for one in state.rounds) else "start",
            validation={"start": mean(outcome.before), "searched": mean(outcome.after), "rule": 0.0},
            generations=self.rounds * self.search.generations,
            seconds=sum(one.seconds for one in state.rounds) + time.perf_counter() - began,
            alpha=self.alpha,
            reference=self.reference,
            gain=outcome.gain,
            rounds=list(state.rounds),
        )

    def after_round(self, state: "State", network: Network, seed: int, memory: Path, watch: Watch) -> "State":
        """The state after one more round; arguments as for :meth:`improve`."""
        done = len(state.rounds)
        drawn = self.seed_of(seed, _ROUND, self.behind + done)
        own = beside(memory, f"round-{done + 1}")

        def watch_round(progress: Progress) -> None:
            done_before, total = done * progress.total, self.rounds * progress.total
            stage = f"round {done + 1} of {self.rounds}"
            watch(replace(progress, done=done_before + progress.done, total=total, stage=stage, rounds=state.rounds))

        proposed = deepcopy(network)
        proposed.load_state_dict(state.searched)
        seconds = self.search.propose(proposed, drawn, own, watch_round)
        began = time.perf_counter()
        outcome = self.compared(proposed, state.kept, drawn)
        found = RoundResult(
            number=done + 1,
            kept=outcome.better,
            gain=outcome.gain,
            groups=outcome.groups,
            before=outcome.before,
            after=outcome.after,
            seconds=seconds + time.perf_counter() - began,
        )
        kept = weights(proposed) if outcome.better else state.kept
        searched = weights(proposed) if outcome.promising else kept
        after = State(state.start, kept, searched, (*state.rounds, found))
        after.write(memory)
        for path in (own, *own.parent.glob(f"{own.stem}-*{own.suffix}")):
            path.unlink(missing_ok=True)
        network.load_state_dict(after.kept)
        generations = self.search.generations
        watch(Progress((done + 1) * generations, self.rounds * generations, {}, "", after.rounds))
        return after

    def compared(self, network: Network, before: Mapping[str, Tensor], seed: int) -> "Outcome":
        """What a network achieves beside one of before, on the instances of a seed."""
        other = deepcopy(network)
        other.load_state_dict(before)
        found = self.search.achieved([other, network], seed)
        level = self.alpha / (self.rounds + 1)
        differences = {name: values[0].double() - values[1].double() for name, values in found.items()}
        return Outcome(
            gain=gain_result(mean_difference(differences, level)),
            groups={name: gain_result(mean_difference({name: one}, level)) for name, one in differences.items()},
            before={name: float(values[0].double().mean()) for name, values in found.items()},
            after={name: float(values[1].double().mean()) for name, values in found.items()},
        )

    @staticmethod
    def seed_of(seed: int, stream: int, number: int) -> int:
        """The seed of one round, or of the last comparison; those of another network's rounds are others."""
        return int(np.random.SeedSequence([seed, stream, number]).generate_state(1)[0])


@dataclass(frozen=True)
class Outcome:
    """What a network achieved beside one of before; the fields are those of :class:`RoundResult`."""

    gain: GainResult
    groups: dict[str, GainResult]
    before: dict[str, float]
    after: dict[str, float]

    @property
    def promising(self) -> bool:
        """Whether the gain is above 0, and the interval of no group below 0."""
        return self.gain.mean > 0.0 and all(one.high >= 0.0 for one in self.groups.values())

    @property
    def better(self) -> bool:
        """Whether also the interval of the gain lies above 0."""
        return self.promising and self.gain.low > 0.0


@dataclass(frozen=True)
class State:
    """What interrupted rounds go on from.

    Attributes:
        start: the network before the first round.
        kept: the one that was kept last.
        searched: the one that the next search begins at.
        rounds: that are decided.
    """

    start: Mapping[str, Tensor]
    kept: Mapping[str, Tensor]
    searched: Mapping[str, Tensor]
    rounds: tuple[RoundResult, ...] = field(default=())

    def write(self, path: Path) -> None:
        """Write it down, whole or not at all."""
        parts = {"start": self.start, "kept": self.kept, "searched": self.searched}
        tensors = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
        write_checkpoint(path, {"state_dict": tensors, "rounds": [one.plain() for one in self.rounds]})

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """What was written; None if nothing was. InputError if it is damaged."""
        if not path.is_file():
            return None
        found: dict[str, Any] = read_checkpoint(path)
        parts: dict[str, dict[str, Tensor]] = {name: {} for name in _PARTS}
        for name, value in found["state_dict"].items():
            part, _, key = name.partition(".")
            parts.setdefault(part, {})[key] = value
        if set(parts) != set(_PARTS) or not all(parts.values()) or not isinstance(found.get("rounds"), list):
            raise InputError(f"'{path}' is damaged: it is not the state of rounds")
        rounds = tuple(RoundResult.read(one, f"'{path}' is damaged") for one in found["rounds"])
        return cls(parts["start"], parts["kept"], parts["searched"], rounds)


def weights(network: Network) -> dict[str, Tensor]:
    """A copy of what a network holds, which later changes do not reach."""
    return {name: value.clone() for name, value in network.state_dict().items()}


def gain_result(found: Difference) -> GainResult:
    """A difference as a result holds it."""
    return GainResult(mean=found.mean, low=found.low, high=found.high)


def mean(values: Mapping[str, float]) -> float:
    """The mean over groups."""
    return sum(values.values()) / len(values)


def _before(watch: Watch, progress: Progress) -> None:
    watch(replace(progress, stage="before the rounds"))
