"""Rounds keep what is better beyond its interval and nothing else, on fresh instances, also when they are stopped."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from typing_extensions import override

from mtl.agent.improvement.base import Improvement, Progress, Proposer, Watch
from mtl.agent.improvement.paired import mean_difference
from mtl.agent.improvement.rounds import Rounds, weights
from mtl.config.run_result import ImprovementResult
from mtl.errors import InputError
from mtl.network import Network
from mtl.nn.mlp import MLP
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.sharing.hard import Hard
from mtl.suites.base import MultiTaskDataModule
from mtl.tasks import TaskGraph, regression
from tests.support import rows

LEVEL = "heads.t0.score.0.bias"  # what the toy network is worth: its outcome is this number with noise
GROUPS = ("small", "large")


def quality(network: Network) -> Tensor:
    return network.state_dict()[LEVEL]


class Steps(Proposer):
    """Proposes to change the level by the next of these steps, in two generations; acting adds noise."""

    generations, fewest = 2, 8

    def __init__(self, *steps: float, noise: float = 0.0, large: float = 1.0) -> None:
        self.steps, self.noise, self.large = steps, noise, large
        self.seeds: list[int] = []
        self.proposed: list[int] = []

    @override
    def check(self, data: MultiTaskDataModule, network: Network) -> None:
        """Anything goes."""

    @override
    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        self.propose(network, seed, memory, watch)
        return ImprovementResult(kept="searched", validation={}, generations=2, seconds=0.0)

    @override
    def propose(self, network: Network, seed: int, memory: Path, watch: Watch) -> float:
        done = int(read_checkpoint(memory)["state_dict"]["done"]) if memory.is_file() else 0
        self.proposed.append(seed)
        for generation in range(done, self.generations):
            write_checkpoint(memory, {"state_dict": {"done": torch.tensor(generation + 1)}})
            watch(Progress(generation + 1, self.generations, {"mean": 0.0}))
        quality(network).add_(self.steps[seed % len(self.steps)] if self.noise else self.steps[self.round_of(memory)])
        return 1.0

    @staticmethod
    def round_of(memory: Path) -> int:
        return int(memory.stem.rpartition("-")[2]) - 1 if memory.stem.rpartition("-")[2].isdigit() else 0

    @override
    def achieved(self, networks: Sequence[Network], seed: int) -> dict[str, Tensor]:
        self.seeds.append(seed)
        draw = torch.Generator().manual_seed(seed)
        shared, own = torch.randn(2, 8, generator=draw), self.noise * torch.randn(2, len(networks), 8, generator=draw)
        level = torch.stack([quality(network) for network in networks])
        return {
            name: shared[place] + level * (self.large if name == "large" else 1.0) + own[place]
            for place, name in enumerate(GROUPS)
        }


def network() -> Network:
    torch.manual_seed(0)
    data = rows(tasks=1)
    graph = TaskGraph([regression("t0")])
    found = Network(Hard(data.input_shape, graph.names, lambda shape: MLP(shape, [2])), graph)
    quality(found).zero_()
    return found


def run(rounds: Rounds, folder: Path, watch: Callable[[Progress], None] = lambda _: None, seed: int = 0):
    made = network()
    found = rounds.improve(made, seed, folder / "memory.ckpt", watch)
    return found, float(quality(made))


def test_a_round_is_kept_where_it_is_better_in_no_group_worse_and_else_leaves_no_trace(tmp_path: Path) -> None:
    """Lower is better; without noise every difference is known exactly."""
    search = Steps(-1.0, 0.5, 0.0, -0.25)
    found, level = run(Rounds(4, search), tmp_path)
    assert [one.kept for one in found.rounds] == [True, False, False, True]
    assert level == pytest.approx(-1.25)
    assert found.gain is not None
    assert found.gain.mean == pytest.approx(1.25, abs=1e-6)
    assert found.rounds[1].gain.high < 0
    assert (found.kept, found.generations) == ("searched", 8)
    assert found.validation["start"] - found.validation["searched"] == pytest.approx(1.25, abs=1e-6)
    assert len(set(search.seeds)) == 5  # each round, and the last comparison, has instances of its own
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checksums.json", "memory.ckpt"]
    (tmp_path / "other").mkdir()
    uneven, level = run(Rounds(1, Steps(-1.0, large=-0.5)), tmp_path / "other")
    assert uneven.rounds[0].gain.low > 0  # better in the mean of both groups
    assert (uneven.rounds[0].kept, uneven.kept, level) == (False, "start", 0.0)  # but worse in one of them


def test_each_comparison_has_its_part_of_alpha() -> None:
    """Of three rounds and the last comparison a quarter."""
    search = Steps(0.0, noise=1.0)
    before, after = network(), network()
    quality(after).sub_(0.5)
    found = Rounds(3, search, alpha=0.08).compared(after, weights(before), 7)
    achieved = search.achieved([before, after], 7)
    differences = {name: (one[0] - one[1]).double() for name, one in achieved.items()}
    for gain, groups in (
        (found.gain, differences),
        *((found.groups[name], {name: differences[name]}) for name in GROUPS),
    ):
        assert (gain.mean, gain.low, gain.high) == pytest.approx(mean_difference(groups, 0.02), rel=1e-5)
    assert found.after["small"] == pytest.approx(float(achieved["small"][1].mean()))


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(-0.5, 0.5))
def test_what_is_kept_was_better_beyond_its_interval(
    tmp_path_factory: pytest.TempPathFactory, seed: int, step: float
) -> None:
    found, level = run(Rounds(2, Steps(step, noise=1.0)), tmp_path_factory.mktemp("rounds"), seed=seed)
    for one in found.rounds:
        assert one.gain.low <= one.gain.mean <= one.gain.high
        assert one.kept == (one.gain.low > 0 and all(group.high >= 0 for group in one.groups.values()))
    kept = searched = 0.0
    for one in found.rounds:  # what is better on average is gone on from, kept or not
        proposed = searched + step
        kept = proposed if one.kept else kept
        promising = one.gain.mean > 0 and all(group.high >= 0 for group in one.groups.values())
        searched = proposed if promising else kept
    assert level == pytest.approx(kept, abs=1e-6)


def test_a_proposal_without_worth_is_kept_as_rarely_as_alpha_says() -> None:
    """Each of two rounds and the last comparison has a third of alpha, of which half is for losses."""
    rounds, made = Rounds(2, Steps(0.0, noise=1.0), alpha=0.3), network()
    kept = [rounds.compared(made, made.state_dict(), seed).better for seed in range(400)]
    assert 0.01 < sum(kept) / len(kept) < 0.3 / 3 / 2 + 0.03


def test_stopped_anywhere_it_goes_on_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    told: list[Progress] = []
    expected, level = run(Rounds(3, Steps(-1.0, 0.5, -0.3)), tmp_path / "whole", told.append)
    assert [one.done for one in told] == [1, 2, 2, 3, 4, 4, 5, 6, 6]
    assert {one.total for one in told} == {6}
    for stop in range(len(told)):
        folder = tmp_path / str(stop)
        folder.mkdir()
        calls = iter(range(len(told)))

        def interrupt(progress: Progress, calls=calls, stop=stop) -> None:
            if next(calls) == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(Rounds(3, Steps(-1.0, 0.5, -0.3)), folder, interrupt)
        again = Steps(-1.0, 0.5, -0.3)
        found, reached = run(Rounds(3, again), folder)
        assert reached == level
        assert found.model_copy(update={"seconds": 0, "rounds": []}) == expected.model_copy(
            update={"seconds": 0, "rounds": []}
        )
        numbers = [{**one.plain(), "seconds": 0} for one in found.rounds]
        assert numbers == [{**one.plain(), "seconds": 0} for one in expected.rounds]
        assert len(again.proposed) == 3 - (stop + 1) // 3  # rounds that were decided are not done again


def test_a_second_improvement_has_other_instances_and_begins_where_the_first_ended(tmp_path: Path) -> None:
    one, two = Steps(-1.0), Steps(-0.5)
    both = Rounds(1, two, first=Rounds(1, one))
    made = network()
    both.improve(made, 0, tmp_path / "memory.ckpt", lambda _: None)
    assert float(quality(made)) == pytest.approx(-1.5)
    assert not set(one.seeds + one.proposed) & set(two.seeds + two.proposed)
    again = Steps(-0.5)
    (tmp_path / "again").mkdir()
    made = network()
    quality(made).fill_(-1.0)
    Rounds(1, again, first=Rounds(1, Steps(-1.0))).without_first().improve(
        made, 0, tmp_path / "again" / "m.ckpt", lambda _: None
    )
    assert float(quality(made)) == pytest.approx(-1.5)
    assert (again.seeds, again.proposed) == (two.seeds, two.proposed)


class Once(Improvement):
    """An improvement that cannot be repeated."""

    def check(self, data: MultiTaskDataModule, network: Network) -> None:
        raise NotImplementedError

    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        raise NotImplementedError


def test_mistakes_are_said_at_once_and_a_damaged_state_before_anything_is_done(tmp_path: Path) -> None:
    few = Steps(0.0)
    few.fewest = 1
    for arguments, message in (
        ((0, Steps(0.0)), "rounds=0: expected at least 1"),
        ((1, Steps(0.0), 1.0), r"alpha=1.0: expected a number above 0 and below 1"),
        ((1, Once()), "search: expected what proposes a network, such as OutcomeSearch, and it is a Once"),
        ((1, few), "search.validation: expected at least 2 instances of a group, and one has 1"),
    ):
        with pytest.raises(InputError, match=message):
            Rounds(*arguments)  # type: ignore[arg-type]
    write_checkpoint(tmp_path / "memory.ckpt", {"state_dict": {"x": torch.zeros(1)}})
    with pytest.raises(InputError, match="is damaged: it is not the state of rounds"):
        run(Rounds(1, Steps(0.0)), tmp_path)
