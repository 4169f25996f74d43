"""Runs of networks trained apart and merged: what they are made of, what they leave, and what they refuse."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from mtl.assembly import build, merged_of
from mtl.comparison.records import record
from mtl.config.folders import CONF
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.lifecycle.common_start import begin_with_start
from mtl.lifecycle.merged import COMMON_START, HARD, check_merged
from mtl.lifecycle.train import train
from mtl.lifecycle.trained import load_trained
from mtl.lifecycle.trunk_trials import batch_norms, entropy_of, renew_statistics
from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.directory import Run
from tests.support import tiny
from tests.trained import assert_contributions_are_those_of_the_result

QUICK = ("model=merged", "weighting=equal", "epochs=1")
TRUNK, HEADS = "network.sharing.trunk.", "network.heads."


def run(output: Path, *overrides: str) -> RunResult:
    found = train(tiny(output, *QUICK, *overrides))
    assert found is not None
    return found


def weights(directory: str | Path) -> dict[str, np.ndarray]:
    found = read_checkpoint(Run.open(directory).best)["state_dict"]
    return {name: value.double().numpy() for name, value in found.items()}


def kept(name: str) -> str:
    """Where networks keep what their trunk was at the start."""
    return f"network.sharing.start.{name.replace('.', '/')}"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def result(output: Path) -> RunResult:
    return run(output, "model.joint_steps=3", "merge=task_arithmetic", "rates={task1: 0.01}", "logger=tensorboard")


def test_the_trunk_is_the_start_and_a_multiple_of_the_task_vectors(result: RunResult) -> None:
    """From the checkpoints alone, in plain numpy; the heads are those that were learned apart."""
    assert result.merging is not None
    own, apart = weights(result.directory), weights(result.merging.parts)
    (coefficient,) = {value for values in result.merging.coefficients.values() for value in values}
    assert coefficient is not None
    names = [name.removeprefix(TRUNK) for name in own if name.startswith(TRUNK)]
    assert len(names) == 4
    for name in names:
        start = apart[kept(name)]
        tau = [apart[f"network.sharing.encoders.{task}.{name}"] - start for task in result.tasks]
        assert all(np.abs(one).max() > 0 for one in tau)
        np.testing.assert_allclose(own[TRUNK + name], start + coefficient * sum(tau), rtol=1e-5, atol=1e-6)
    for name in own:
        if name.startswith(HEADS):
            np.testing.assert_array_equal(own[name], apart[name])


def test_a_start_changes_nothing_of_what_a_training_draws(output: Path, result: RunResult) -> None:
    """Such as its dropout, which comes of the seed of the run and not of that of the start."""
    assert result.merging is not None
    config = tiny(output, "model=common_start", f"model.start={result.merging.start}", "seed=5")
    module = build(config).module
    before, initial = torch.get_rng_state(), torch.initial_seed()
    begin_with_start(module, config)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.initial_seed() == initial == 5


def test_validation_chooses_the_coefficient(result: RunResult) -> None:
    assert result.merging is not None
    scores = {coefficient: score for coefficient, score in result.merging.tried if coefficient is not None}
    best = min(scores, key=lambda one: scores[one] or 0.0)
    assert all(values == [pytest.approx(best)] for values in result.merging.coefficients.values())
    assert scores[best] == pytest.approx(result.metrics["val"].score)


def test_the_joint_start_is_the_trunk_and_the_heads_of_a_run_that_learned_all_tasks(result: RunResult) -> None:
    assert result.merging is not None
    assert result.merging.start is not None
    joint = Run.open(result.merging.start).result
    assert (joint.choices.model, joint.config.steps, joint.config.patience) == ("hard", 3, None)
    start, apart = weights(result.merging.start), weights(result.merging.parts)
    for name, value in start.items():
        if name.startswith(TRUNK):
            np.testing.assert_array_equal(value, apart[kept(name.removeprefix(TRUNK))])
    # One epoch of Adam away from the joint start, not from other random values
    moved = [np.abs(apart[name] - value).max() for name, value in start.items() if name.startswith(HEADS)]
    assert 0 < max(moved) < 0.2


def test_a_run_leaves_what_every_run_leaves(result: RunResult) -> None:
    """And costs what its parts cost."""
    assert result.merging is not None
    assert result.merging.start is not None
    here = Run.open(result.directory)
    assert (here.state, here.result, here.config) == ("done", result, result.config)
    assert {path.name for path in here.path.iterdir()} == {
        *("config.yaml", "fingerprint", "state", "best.ckpt", "tensorboard", "csv", "contributions.npz", "result.json"),
        "checksums.json",
    }
    assert_contributions_are_those_of_the_result(result)
    found = record(here.path)
    assert (found.model, found.weighting) == ("merged", "equal")
    parts = [Run.open(path).result for path in (result.merging.start, result.merging.parts)]
    assert result.steps == sum(one.steps for one in parts)
    assert result.epochs == sum(one.epochs for one in parts)
    assert result.seconds.fit == pytest.approx(sum(one.seconds.fit for one in parts) + result.merging.seconds)
    assert result.selection == parts[1].selection
    assert result.parameters == parts[0].parameters
    assert parts[1].execution is None


def test_it_predicts_from_its_directory_as_a_network_with_one_trunk(result: RunResult) -> None:
    trained = load_trained(Run.open(result.directory))
    trained.data.setup("test")
    measured = trained.evaluate(trained.data.measured("test"))
    assert measured.tasks == {name: pytest.approx(values) for name, values in result.metrics["test"].tasks.items()}


def test_every_way_to_merge_takes_the_same_networks(result: RunResult, output: Path) -> None:
    """And a start that is named is that of the joint steps, whose cost is then not counted."""
    assert result.merging is not None
    assert result.merging.start is not None
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.ckpt")}
    given = ("merge=ties", "rates={task1: 0.01}")
    joint = run(output, *given, "model.joint_steps=3")
    named = run(output, *given, f"model.start={result.merging.start}")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(output.rglob("*.ckpt"))) == len(before) + 2
    assert joint.merging is not None
    assert named.merging is not None
    assert joint.merging.parts == named.merging.parts == result.merging.parts
    assert joint.metrics == named.metrics != result.metrics
    assert named.steps == joint.steps - 3


def test_one_task_at_coefficient_one_is_its_own_network(tmp_path: Path) -> None:
    given = ("tasks=[task1]", "model.merge.coefficients=[1.0]")
    plain = run(tmp_path, *given)
    assert plain.merging is not None
    apart = Run.open(plain.merging.parts).result
    assert plain.metrics["test"].score == pytest.approx(apart.metrics["test"].score, rel=1e-5)
    assert plain.merging.start is None


def test_statistics_of_batch_norms_are_taken_anew_from_the_rows() -> None:
    """The mean over the batches of what the norm sees of them, whatever it knew before; and the mode stays."""
    trunk = MLP({SINGLE: (6,)}, widths=[8, 6], norm="batch", dropout=0.5)
    batches = [{SINGLE: torch.randn(20, 6)} for _ in range(3)]
    renew_statistics(trunk, [{SINGLE: torch.randn(20, 6) + 5}])
    renew_statistics(trunk, batches)
    first = batch_norms(trunk)[0]
    seen: list[torch.Tensor] = []
    first.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    trunk.eval()
    for inputs in batches:
        trunk(inputs)
    assert first.running_mean is not None
    assert first.momentum == 0.1
    torch.testing.assert_close(first.running_mean, torch.stack([one.mean(0) for one in seen]).mean(0))


def test_parts_are_the_models_of_these_names() -> None:
    """So the runs of the same names are used, whoever trained them."""
    for name, node in (("hard", HARD), ("common_start", {**COMMON_START, "start": None})):
        assert OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{name}.yaml")) == node


def test_entropy_is_that_of_the_predicted_probabilities() -> None:
    logits = torch.tensor([[1.0, 2.0, -torch.inf], [0.0, 0.0, 0.0]], requires_grad=True)
    chances = torch.tensor([1.0, 2.0]).softmax(0)
    expected = torch.stack([-(chances * chances.log()).sum(), torch.tensor(3.0).log()])
    torch.testing.assert_close(entropy_of(logits), expected)
    entropy_of(logits).sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    yes = torch.tensor([0.3, -2.0])
    torch.testing.assert_close(entropy_of(yes), torch.distributions.Bernoulli(logits=yes).entropy())


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["merge=adamerging"], r"task 'task0' \(regression\) predicts none"),
        (["grouping=[[task0,task1],[task2]]"], "expected grouping=null"),
        (["weighting=mgda"], "CommonStart shares none"),
        (["resume=somewhere"], "nothing to go on from"),
        (["hardware.devices=2"], "expected hardware.devices=1"),
        (["model.joint_steps=0"], "model.joint_steps=0: expected a whole number"),
        (["model.joint_steps=1", "model.start=x"], "expected one of them"),
        (["merge=none"], "expected a way to merge"),
    ],
)
def test_what_cannot_be_merged_is_refused_before_anything_is_trained(
    overrides: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        check_merged(tiny(tmp_path, *QUICK, *overrides))
    assert not list(tmp_path.iterdir())


def test_a_start_without_such_a_trunk_is_refused(result: RunResult, output: Path, tmp_path: Path) -> None:
    assert result.merging is not None
    for overrides, said in (
        ([f"model.start={result.merging.parts}"], "CommonStart has no trunk that serves all tasks"),
        ([f"model.start={result.directory}", "encoder.widths=[4]"], "expected a trunk of the same encoder and inputs"),
        (["model.start=nowhere"], "no run at 'nowhere'"),
    ):
        with pytest.raises(InputError, match=said):
            run(tmp_path, *overrides)


def test_ways_to_merge_are_for_what_can_be_merged(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="merge=ties: networks that were trained apart are merged; expected model=mer"):
        tiny(tmp_path, "model=hard", "merge=ties")
    config: Any = tiny(tmp_path, "model=hard")
    assert merged_of(config) is None
