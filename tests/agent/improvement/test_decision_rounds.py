"""Settings are kept only where other validation episodes say that they are better, also when the search is stopped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ttest_rel
from torch import Tensor
from typing_extensions import override

from mtl.agent.deciding import DecidingEnvironment
from mtl.agent.improvement.base import Progress
from mtl.agent.improvement.decision_rounds import DecisionRounds, State
from mtl.agent.report import ExecutionReport, Value
from mtl.errors import InputError
from mtl.network import Network
from mtl.suites.base import MultiTaskDataModule, Predict
from tests.support import rows

NETWORK = cast(Network, torch.nn.Identity())  # which these improvements do not look at


class Valley(DecidingEnvironment[int]):
    """What a setting earns falls with its distance from the best one, if it says anything; episodes add noise."""

    tunable: ClassVar[Mapping[str, tuple[float, float]]] = {"x": (-1.0, 1.0)}

    def __init__(self, best: float | None = 0.5, noise: float = 0.1, episodes: int = 40) -> None:
        self.best, self.noise, self.count, self.x = best, noise, episodes, 0.0

    @override
    def cases(self, predict: Predict, data: MultiTaskDataModule, split: str) -> int:
        assert split == "val"
        return self.count

    @override
    def achieved(self, cases: int) -> tuple[NDArray[np.float64], float]:
        own = np.random.default_rng(abs(hash(round(self.x, 9)))).normal(0, self.noise, cases)
        worth = 0.0 if self.best is None else 1 - (self.x - self.best) ** 2
        return np.linspace(0, 1, cases) + worth + own, 2.0

    @override
    def decisions(self, predicted: Mapping[str, Tensor]) -> dict[str, list[Value]]:
        raise NotImplementedError

    @override
    def run(self, predict: Predict, data: MultiTaskDataModule) -> ExecutionReport:
        raise NotImplementedError


def ready(environment: Valley, **given: Any) -> DecisionRounds:
    found = DecisionRounds(**{"rounds": 2, "trials": 8, **given})
    found.act_in(environment, lambda inputs: {})
    found.check(rows(), NETWORK)
    return found


def ignore(_: Progress) -> None:
    """Take no notice."""


def test_a_better_setting_is_found_kept_and_used(tmp_path: Path) -> None:
    valley = Valley(noise=0.01)
    shown: list[Progress] = []
    found = ready(valley).improve(NETWORK, 0, tmp_path / "state.ckpt", shown.append)
    assert found.settings is not None
    assert abs(found.settings["x"] - 0.5) < 0.25
    assert valley.x == found.settings["x"]
    assert (found.kept, found.rounds[0].kept, found.generations) == ("searched", True, 16)
    assert found.gain is not None
    assert found.gain.low > 0.0
    assert found.validation["searched"] < found.validation["start"]
    assert found.reference == "what the truth earns"
    assert [one.done for one in shown if one.values] == list(range(1, 17))
    assert [one.number for one in found.rounds] == [1, 2]


def test_one_half_of_the_episodes_searches_and_the_other_decides() -> None:
    """Each interval has its part of alpha: of the start and two proposals, three pairs can meet."""
    valley = Valley(episodes=41)
    improvement = ready(valley, alpha=0.06)
    halves = improvement.episodes(0)
    assert sorted([*halves.search, *halves.decide]) == list(range(41))
    assert abs(len(halves.search) - len(halves.decide)) == 1
    assert set(improvement.episodes(1).decide) != set(halves.decide)
    gain, before, after = improvement.compared({"x": 0.0}, {"x": 0.4}, halves)
    old, new = (valley.with_settings({"x": x}).achieved(41)[0][halves.decide] / 2.0 for x in (0.0, 0.4))
    assert (before, after) == (pytest.approx(-old.mean()), pytest.approx(-new.mean()))
    known = ttest_rel(new, old).confidence_interval(1 - 0.06 / 3)
    assert (gain.mean, gain.low, gain.high) == pytest.approx(((new - old).mean(), known.low, known.high))
    with_more = DecisionRounds(rounds=2, alpha=0.06, first=improvement)  # four rounds have ten pairs
    with_more.act_in(valley, lambda inputs: {})
    known = ttest_rel(new, old).confidence_interval(1 - 0.06 / 10)
    assert with_more.compared({"x": 0.0}, {"x": 0.4}, halves)[0].low == pytest.approx(known.low)


@pytest.mark.parametrize("scale", [0.0, float("nan")])
def test_where_nothing_can_be_achieved_nothing_is_tuned(scale: float) -> None:
    class Worthless(Valley):
        @override
        def achieved(self, cases: int) -> tuple[NDArray[np.float64], float]:
            return np.zeros(cases), scale

    with pytest.raises(InputError, match="on the validation rows nothing can be achieved, so there is nothing to tune"):
        ready(Worthless()).check_rows(0)


@settings(max_examples=12)
@given(st.floats(-1, 1), st.floats(0.0, 2.0), st.integers(0, 10**6))
def test_what_is_kept_is_never_worse_than_what_was_before(
    tmp_path_factory: pytest.TempPathFactory, best: float, noise: float, seed: int
) -> None:
    """On the episodes that decide, each round and all of them together; without a round that is kept nothing moves."""
    valley = Valley(best, noise)
    found = ready(valley).improve(NETWORK, seed, tmp_path_factory.mktemp("s") / "state.ckpt", ignore)
    assert found.gain is not None
    assert found.settings is not None
    assert all(one.kept == (one.gain.low > 0.0) for one in found.rounds)
    if any(one.kept for one in found.rounds):
        assert found.gain.mean > 0.0
        assert found.kept == "searched"
    else:
        assert (found.settings["x"], found.gain.mean, found.kept) == (0.0, 0.0, "start")


def test_settings_without_worth_are_kept_as_rarely_as_alpha_says(tmp_path: Path) -> None:
    kept = [
        ready(Valley(None, noise=1.0), trials=2).improve(NETWORK, seed, tmp_path / f"{seed}.ckpt", ignore).kept
        for seed in range(20)
    ]
    assert kept.count("searched") <= 3  # at most 1 is expected; more than 3 come in one of 60 such tests


@pytest.mark.parametrize("stop", [1, 8, 15])
def test_a_search_that_was_stopped_ends_as_if_it_had_not_been(tmp_path: Path, stop: int) -> None:
    whole = ready(Valley()).improve(NETWORK, 3, tmp_path / "whole.ckpt", ignore)

    def interrupt(progress: Progress) -> None:
        if progress.done == stop and progress.values:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ready(Valley()).improve(NETWORK, 3, tmp_path / "stopped.ckpt", interrupt)
    again = ready(Valley()).improve(NETWORK, 3, tmp_path / "stopped.ckpt", ignore)
    assert plain(again) == plain(whole)


def plain(result: Any) -> dict[str, Any]:
    found = result.plain()
    return {**found, "seconds": 0, "rounds": [{**one, "seconds": 0} for one in found["rounds"]]}


def test_rounds_that_go_on_from_others_begin_at_their_settings_and_ask_for_more(tmp_path: Path) -> None:
    first = ready(Valley(noise=0.01))
    both = DecisionRounds(rounds=1, trials=8, first=first)
    valley = Valley(noise=0.01)
    both.act_in(valley, lambda inputs: {})
    both.check(rows(), NETWORK)
    found = both.improve(NETWORK, 0, tmp_path / "state.ckpt", ignore)
    alone = ready(Valley(noise=0.01)).improve(NETWORK, 0, tmp_path / "alone.ckpt", ignore)
    state = State.read(tmp_path / "state.ckpt")
    assert state is not None
    assert state.start == alone.settings
    assert state.trials[0][0] == state.start
    assert found.validation["start"] == pytest.approx(alone.validation["searched"])
    assert both.behind == 2
    assert both.without_first().behind == 2
    assert both.without_first().first is None


def test_what_cannot_be_tuned_is_said(tmp_path: Path) -> None:
    for options in ({"rounds": 0}, {"trials": 0}, {"alpha": 1.0}):
        with pytest.raises(InputError, match="expected"):
            DecisionRounds(**options)  # type: ignore[arg-type]
    nothing = DecisionRounds()
    nothing.act_in(None, lambda inputs: {})
    with pytest.raises(InputError, match="takes a run with execution=lending, alerts or routing"):
        nothing.check(rows(), NETWORK)
    with pytest.raises(InputError, match="are 3 episodes of acting, and at least 4 are needed"):
        ready(Valley(episodes=3)).check_rows(0)
    with pytest.raises(InputError, match="unknown setting of the environment 'y'"):
        Valley().with_settings({"y": 0.0})
    with pytest.raises(InputError, match="x=2: expected a number, -1 to 1"):
        Valley().with_settings({"x": 2})
