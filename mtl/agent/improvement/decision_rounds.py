"""Improving decisions: thresholds and weights are tuned on validation rows, and kept only where others agree."""

import time
import warnings
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from mtl.agent.deciding import DecidingEnvironment
from mtl.agent.environment import Environment
from mtl.agent.improvement.base import Improvement, InRounds, Progress, Watch
from mtl.agent.improvement.paired import mean_difference
from mtl.config.run_result import GainResult, ImprovementResult, RoundResult
from mtl.errors import InputError, lacks
from mtl.network import Network
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.suites.base import MultiTaskDataModule, Predict

if TYPE_CHECKING:
    from optuna.study import Study

_FEWEST = 4  # episodes of validation: two to search on, two to decide
_GROUP = "validation"  # name of the one group of instances of a round
_STARTUP = 10  # trials that are drawn at random before earlier ones say where to look
Trial = tuple[dict[str, float], float]  # settings, and what they cost


class DecisionRounds(InRounds):
    """Tunes the settings of an environment, and keeps what is found only where it is better beyond its interval.

    The settings are those that the environment names as tunable
    (:class:`~mtl.agent.deciding.DecidingEnvironment`); the network stays as it is. The episodes of the validation rows
    are divided at random into two halves. On one Optuna's sampler TPE searches for the settings of the best outcome
    (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011,
    https://papers.nips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690-Abstract.html), beginning with those of the
    run; each round adds trials to the same search and proposes the best so far. On the other half, which no search
    sees, the proposed settings and those that were kept last decide the same episodes; the proposed ones are kept where
    the interval of the mean difference lies above 0.

    The rounds share the half that decides. What they propose depends on the other half alone, so that only R + 1
    candidates can meet there, the start among them: each of the ``R (R + 1) / 2`` intervals that are possible has its
    part of alpha (Bonferroni), and all of them hold together in a share ``1 - alpha`` of the times, also that of the
    start and what is kept in the end. R counts the rounds of earlier improvements too.

    Args:
        rounds: how many.
        trials: settings that each round tries.
        alpha: share of the times that any of the intervals misses.
        first: an improvement that comes before the rounds; None: none.

    Raises:
        InputError: an argument out of range.
    """

    def __init__(
        self, rounds: int = 1, trials: int = 100, alpha: float = 0.05, first: Improvement | None = None
    ) -> None:
        if rounds < 1 or trials < 1:
            raise InputError(f"rounds={rounds}, trials={trials}: expected at least 1")
        if not 0.0 < alpha < 1.0:
            raise InputError(f"alpha={alpha}: expected a number above 0 and below 1, such as 0.05")
        self.rounds, self.trials, self.alpha, self.first = rounds, trials, alpha, first
        self.behind = first.behind + first.rounds if isinstance(first, InRounds) else 0
        self.environment: DecidingEnvironment[Any] | None = None
        self.predict: Predict | None = None
        self.data: MultiTaskDataModule | None = None

    @override
    def without_first(self) -> Self:
        rounds = copy(self)
        rounds.first = None
        return rounds

    @property
    @override
    def adds_dispatchers(self) -> bool:
        return self.first is not None and self.first.adds_dispatchers

    @override
    def act_in(self, environment: Environment | None, predict: Predict) -> None:
        self.environment = environment if isinstance(environment, DecidingEnvironment) else None
        self.predict = predict
        if self.environment is not None:
            self.reference = self.environment.reference
        if self.first is not None:
            self.first.act_in(environment, predict)

    @override
    def check(self, data: MultiTaskDataModule, network: Network) -> None:
        if self.environment is None or not self.environment.tunable:
            raise InputError(
                "improve: these rounds tune how an agent decides, which takes a run with execution=lending, alerts or "
                "routing"
            )
        optuna()
        self.data = data
        if self.first is not None:
            self.first.check(data, network)

    @override
    def check_rows(self, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):  # the training draws what it would have drawn anyway
            self.episodes(seed)
        if self.first is not None:
            self.first.check_rows(seed)

    @override
    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        assert self.environment is not None
        began = time.perf_counter()
        state = State.read(memory)
        if state is None:
            if self.first is not None:
                self.first.improve(network, seed, memory.with_name(f"{memory.stem}-first{memory.suffix}"), watch)
            settings = self.environment.settings
            state = State(settings, settings, (), ())
            state.write(memory)
        episodes = self.episodes(seed)
        while len(state.rounds) < self.rounds:
            state = self.after_round(state, episodes, seed, watch)
            state.write(memory)
            watch(Progress(len(state.trials), self.rounds * self.trials, {}, "", state.rounds))
        self.environment.use(state.kept)
        gain, before, after = self.compared(state.start, state.kept, episodes)
        return ImprovementResult(
            kept="searched" if any(one.kept for one in state.rounds) else "start",
            validation={"start": before, "searched": after, "rule": 0.0},
            generations=len(state.trials),
            seconds=sum(one.seconds for one in state.rounds) + time.perf_counter() - began,
            alpha=self.alpha,
            gain=gain,
            rounds=list(state.rounds),
            settings=state.kept,
            reference=self.reference,
        )

    def after_round(self, state: "State", episodes: "Episodes", seed: int, watch: Watch) -> "State":
        """The state after one more round; arguments as for :meth:`improve`."""
        began, number = time.perf_counter(), len(state.rounds) + 1
        study = study_of(self.environment_in_use, state.trials)
        for place in range(self.trials):
            trial = len(state.trials) + place
            study.sampler = sampler(seed, self.behind * self.trials + trial)
            if trial == 0:
                study.enqueue_trial(state.start)
            study.optimize(partial(self.cost, episodes=episodes), n_trials=1)
            best = -study.best_value / episodes.scale
            stage = f"round {number} of {self.rounds}"
            watch(Progress(trial + 1, self.rounds * self.trials, {"search": best}, stage, state.rounds))
        trials = tuple((dict(one.params), float(one.values[0])) for one in study.trials)
        proposed = {name: float(value) for name, value in study.best_params.items()}
        gain, before, after = self.compared(state.kept, proposed, episodes)
        better = is_better(gain)
        found = RoundResult(
            number=number,
            kept=better,
            gain=gain,
            groups={_GROUP: gain},
            before={_GROUP: before},
            after={_GROUP: after},
            seconds=time.perf_counter() - began,
        )
        return State(state.start, proposed if better else state.kept, trials, (*state.rounds, found))

    @property
    def environment_in_use(self) -> DecidingEnvironment[Any]:
        """The environment, which :meth:`check` has found to be tunable."""
        assert self.environment is not None
        return self.environment

    @torch.inference_mode()
    def episodes(self, seed: int) -> "Episodes":
        """The episodes of the validation rows, divided into two halves; they are the same in every improvement."""
        assert self.predict is not None
        assert self.data is not None
        cases = self.environment_in_use.cases(self.predict, self.data, "val")
        values, scale = self.environment_in_use.achieved(cases)
        if len(values) < _FEWEST:
            raise InputError(
                f"improve: the validation rows are {len(values)} episodes of acting, and at least {_FEWEST} are needed"
            )
        if not (isfinite(scale) and scale > 0.0):
            raise InputError("improve: on the validation rows nothing can be achieved, so there is nothing to tune")
        order = np.random.default_rng([seed, 0]).permutation(len(values))
        half = len(values) // 2
        return Episodes(cases, np.sort(order[:half]), np.sort(order[half:]), scale)

    def achieved(self, settings: Mapping[str, float], episodes: "Episodes") -> NDArray[np.float64]:
        """What settings achieve in each episode."""
        return self.environment_in_use.with_settings(settings).achieved(episodes.cases)[0]

    def cost(self, trial: Any, episodes: "Episodes") -> float:
        """What the search makes small: the mean outcome of a trial's settings in its half, with the sign changed."""
        ranges = self.environment_in_use.tunable.items()
        settings = {name: trial.suggest_float(name, low, high) for name, (low, high) in ranges}
        return -float(self.achieved(settings, episodes)[episodes.search].mean())

    def compared(
        self, before: Mapping[str, float], after: Mapping[str, float], episodes: "Episodes"
    ) -> tuple[GainResult, float, float]:
        """The gain of settings over others in the half that decides, and what each costs, relative to the scale."""
        costs = [-self.achieved(one, episodes)[episodes.decide] / episodes.scale for one in (before, after)]
        candidates = self.behind + self.rounds + 1
        level = self.alpha / (candidates * (candidates - 1) / 2)
        found = mean_difference({_GROUP: torch.from_numpy(costs[0] - costs[1])}, level)
        gain = GainResult(mean=found.mean, low=found.low, high=found.high)
        return gain, float(costs[0].mean()), float(costs[1].mean())


@dataclass(frozen=True)
class Episodes:
    """What is decided on.

    Attributes:
        cases: of the environment, all validation rows.
        search: numbers of the episodes that the search sees.
        decide: numbers of those that decide.
        scale: what a difference is divided by to become a share of all that can be achieved.
    """

    cases: Any
    search: NDArray[np.int64]
    decide: NDArray[np.int64]
    scale: float


@dataclass(frozen=True)
class State:
    """What interrupted rounds go on from.

    Attributes:
        start: the settings before the first round.
        kept: those that were kept last.
        trials: of the search, in order.
        rounds: that are decided.
    """

    start: dict[str, float]
    kept: dict[str, float]
    trials: tuple[Trial, ...]
    rounds: tuple[RoundResult, ...]

    def write(self, path: Path) -> None:
        """Write it down, whole or not at all."""
        trials = [[settings, cost] for settings, cost in self.trials]
        rounds = [one.plain() for one in self.rounds]
        plain = {"start": self.start, "kept": self.kept, "trials": trials, "rounds": rounds}
        write_checkpoint(path, {"state_dict": {}, "decisions": plain})

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """What was written; None if nothing was. InputError if it is damaged."""
        if not path.is_file():
            return None
        found: Any = read_checkpoint(path).get("decisions")
        try:
            trials = tuple((dict(settings), float(cost)) for settings, cost in found["trials"])
            rounds = tuple(RoundResult.read(one, f"'{path}' is damaged") for one in found["rounds"])
            return cls(dict(found["start"]), dict(found["kept"]), trials, rounds)
        except (KeyError, TypeError, ValueError):
            raise InputError(f"'{path}' is damaged: it is not the state of rounds of decisions") from None


def is_better(gain: GainResult) -> bool:
    """Whether a gain is told from chance."""
    return gain.low > 0.0


def optuna() -> Any:
    """Optuna, which is imported when it is used. InputError if it is missing."""
    try:
        import optuna as found
    except ModuleNotFoundError:
        raise lacks("improve=decisions", "Optuna", "tune") from None
    found.logging.set_verbosity(found.logging.ERROR)
    warnings.filterwarnings("ignore", category=found.exceptions.ExperimentalWarning)
    return found


def study_of(environment: DecidingEnvironment[Any], trials: tuple[Trial, ...]) -> "Study":
    """The search with these trials behind it."""
    library = optuna()
    study: Study = library.create_study(direction="minimize")
    ranges = {name: library.distributions.FloatDistribution(*ends) for name, ends in environment.tunable.items()}
    for settings, cost in trials:
        study.add_trial(library.trial.create_trial(params=settings, distributions=ranges, value=cost))
    return study


def sampler(seed: int, trial: int) -> Any:
    """What draws the settings of a trial: anew for each, so that an interrupted search draws what it would have."""
    return optuna().samplers.TPESampler(seed=(seed * 1_000_003 + trial) % 2**32, n_startup_trials=_STARTUP)
