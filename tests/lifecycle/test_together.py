"""Runs trained at once: each is what it would be alone."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mtl.comparison.report.curves import logged
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.lifecycle.together import Job, train_jobs, train_stack
from mtl.lifecycle.train import train
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.directory import Run
from mtl.training.stack import module as stack_module
from mtl.training.stack.module import StackedModule
from mtl.weighting.base import Weighting
from mtl.weighting.cagrad import CAGrad
from mtl.weighting.fixed import Fixed
from tests.support import tiny
from tests.trained import assert_contributions_are_those_of_the_result

CLOSE = 1e-5
# Of losses alone: what a stack offers, with options of its own for each member
WEIGHTINGS = (
    ("weighting=equal",),
    ("weighting=fixed", "weighting.weights={task0:2.0}", "optimizer.lr=0.01"),
    ("weighting=uncertainty", "+optimizer.weight_decay=0.1"),
    ("weighting=dwa",),
    ("weighting=random",),
    ("weighting=imtl_l",),
    ("weighting=geometric_mean",),
    ("weighting=log_sum", "weighting.normalise=loss_scale"),
)
GRADIENTS = (
    ("weighting=gradnorm",),
    ("weighting=pcgrad",),
    ("weighting=mgda", "weighting.normalise=loss_scale"),
    ("weighting=cagrad", "optimizer.lr=0.01"),
)


def configs(output: Path, *overrides: str, members: Sequence[tuple[str, ...]] = WEIGHTINGS) -> list[RunConfig]:
    """A run of each member, with a seed of its own."""
    return [
        tiny(output, "model=hard", "logger=csv", *overrides, *own, f"seed={seed}") for seed, own in enumerate(members)
    ]


def together(wanted: list[RunConfig]) -> list[Job]:
    """The jobs of these runs, done."""
    jobs = [Job(config) for config in wanted]
    train_jobs(jobs, len(jobs))
    return jobs


def assert_equal_runs(one: RunResult, other: RunResult) -> None:
    """Results, checkpoints, logs and contributions are the same, up to rounding."""
    assert one.run_id == other.run_id
    for field in ("selection", "steps", "epochs", "data", "parameters", "flops", "notes"):
        assert getattr(one, field) == getattr(other, field), field
    for split, metrics in other.metrics.items():
        assert one.metrics[split].flat() == pytest.approx(metrics.flat(), rel=CLOSE, abs=CLOSE)
    first, second = Run.open(one.directory), Run.open(other.directory)
    assert sorted(p.name for p in first.path.iterdir()) == sorted(p.name for p in second.path.iterdir())
    for path in ("best", "last"):
        found, expected = (read_checkpoint(getattr(run, path)) for run in (first, second))
        assert found.keys() == expected.keys()
        for name, values in expected["state_dict"].items():
            torch.testing.assert_close(found["state_dict"][name], values, rtol=CLOSE, atol=CLOSE)
    logs = [
        {tag: list(points) for tag, points in logged(run.path).items() if "cost/" not in tag} for run in (first, second)
    ]
    assert logs[0] == logs[1]  # a report draws what the runs of a configuration have at the same steps
    rows = zip(first.contributions.tasks.values(), second.contributions.tasks.values(), strict=True)
    assert all(a == pytest.approx(b, rel=1e-4, abs=1e-4, nan_ok=True) for a, b in rows)
    assert_contributions_are_those_of_the_result(one)


@pytest.mark.slow
def test_a_member_equals_its_separate_run(tmp_path: Path) -> None:
    # Patience ends the members one after another, each goes back to a state of its own
    asked = ("task.missing=0.2", "task.kinds=mixed", "epochs=12", "patience=2", "optimizer.lr=0.05")
    asked = (*asked, "encoder.dropout=0.1")
    jobs = together(configs(tmp_path / "stack", *asked))
    assert [job.error for job in jobs] == [None] * len(jobs)
    results = [job.result for job in jobs if job.result is not None]
    for found, config in zip(results, configs(tmp_path / "alone", *asked), strict=True):
        expected = train(config)
        assert expected is not None
        assert (found.replicas, expected.replicas) == (len(jobs), 1)
        assert_equal_runs(found, expected)
    assert len({found.epochs for found in results}) > 1, "all ended with the same epoch"


@pytest.mark.slow
@pytest.mark.parametrize("asked", [("model=gated",), ("model=hard", "encoder.widths=[16,4]")], ids=["all", "short"])
def test_members_that_compare_gradients_equal_their_separate_runs(tmp_path: Path, asked: tuple[str, ...]) -> None:
    # Experts are most of the network, so that each task's whole gradient is taken; the other's last layer is a part
    members = GRADIENTS if "model=gated" in asked else [("weighting=gradnorm",), ("weighting=gradnorm",)]
    asked = (*asked, "epochs=3")
    jobs = together(configs(tmp_path / "stack", *asked, members=members))
    for job, config in zip(jobs, configs(tmp_path / "alone", *asked, members=members), strict=True):
        expected = train(config)
        assert job.result is not None
        assert expected is not None
        assert (job.result.replicas, expected.replicas) == (len(members), 1)
        assert_equal_runs(job.result, expected)


def test_members_in_half_precision_are_their_separate_runs_up_to_its_rounding(tmp_path: Path) -> None:
    asked = ("hardware=cpu_bf16", "epochs=1", "encoder.dropout=0.1")
    members = (WEIGHTINGS[0], WEIGHTINGS[2], ("weighting=pcgrad",), ("weighting=pcgrad",))
    jobs = together(configs(tmp_path / "stack", *asked, members=members))
    for job, config in zip(jobs, configs(tmp_path / "alone", *asked, members=members), strict=True):
        expected = train(config)
        assert job.result is not None
        assert expected is not None
        assert (job.result.run_id, job.result.replicas) == (expected.run_id, 2)
        assert job.result.metrics["test"].flat() == pytest.approx(expected.metrics["test"].flat(), rel=0.02, abs=0.01)


@pytest.mark.slow
def test_members_that_share_nothing_equal_their_separate_runs(tmp_path: Path) -> None:
    asked = ("model=single_task", "encoder.norm=layer", "epochs=8", "patience=1", "optimizer.lr=0.05")
    members = WEIGHTINGS[1:3]
    for job, config in zip(
        together(configs(tmp_path / "stack", *asked, members=members)),
        configs(tmp_path / "alone", *asked, members=members),
        strict=True,
    ):
        expected = train(config)
        assert job.result is not None
        assert expected is not None
        assert_equal_runs(job.result, expected)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["hard", "single_task"])
def test_a_member_leaves_out_nothing_in_its_second_cooldown(model: str, tmp_path: Path) -> None:
    # So few and noisy rows that each member, or task, begins it at another epoch, while the others still drop numbers
    asked = ("task.rows=60", "task.noise=3", "batch_size=20", "optimizer.lr=0.03", "encoder.widths=[16]")
    asked = (*asked, f"model={model}", "weighting=equal", "patience=2", "epochs=80", "encoder.dropout=0.3")
    wanted = configs(tmp_path / "stack", *asked, "second_cooldown=true", members=((), ()))
    for job, config in zip(together(wanted), wanted, strict=True):
        expected = train(config.changed(output=str(tmp_path / "alone")))
        assert job.result is not None
        assert expected is not None
        assert (job.result.replicas, expected.replicas) == (2, 1)
        assert_equal_runs(job.result, expected)


@pytest.mark.slow
def test_a_member_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    broken = ("weighting=equal", "optimizer.lr=1e30")
    kept, failed = together(configs(tmp_path, "gradient_clip=null", members=[("weighting=equal",), broken]))
    assert isinstance(failed.error, InputError)
    assert "NaN or infinite" in str(failed.error)
    assert kept.error is None
    assert kept.result is not None


def test_the_cause_of_a_broken_loss_is_looked_for_in_the_members_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a run of its own."""
    asked: list[object] = []
    monkeypatch.setattr(stack_module, "partly_missing", lambda data, task: asked.append(data) or True)
    members = [("optimizer.lr=1e30",), ("optimizer.lr=1e29",)]
    jobs = together(configs(tmp_path, "task.rows=100", "epochs=2", "gradient_clip=null", members=members))
    assert all("a part of the labels of a row is missing" in str(job.error) for job in jobs)
    assert asked[0] is not asked[1]


@pytest.mark.parametrize(("method", "other"), [(Fixed, "equal"), (CAGrad, "pcgrad")])
def test_weights_of_a_member_that_are_not_finite_are_its_weightings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: type[Weighting], other: str
) -> None:
    """Neither the learning rate's, nor anything of the other members."""
    right, steps = method.forward, [0]

    def broken(self: Weighting, *args: Tensor) -> Tensor:
        steps[0] += 1
        found: Tensor = right(self, *args)
        return found * math.nan if steps[0] > 2 else found

    monkeypatch.setattr(method, "constant", False, raising=False)
    monkeypatch.setattr(method, "forward", broken)
    members = [(f"weighting={method.__name__.lower()}",), (f"weighting={other}",)]
    failed, kept = together(configs(tmp_path, "task.rows=100", "epochs=2", members=members))
    assert isinstance(failed.error, InputError)
    assert f"{method.__name__}.forward gives weights that are NaN or infinite" in str(failed.error)
    assert kept.error is None
    assert kept.result is not None
    assert kept.result.replicas == 2


@pytest.mark.slow
def test_a_member_that_was_interrupted_goes_on_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = WEIGHTINGS[2:4]
    begin = StackedModule.on_train_epoch_start

    def interrupt(module: StackedModule) -> None:
        if module.current_epoch == 2:
            raise KeyboardInterrupt
        begin(module)

    monkeypatch.setattr(StackedModule, "on_train_epoch_start", interrupt)
    with pytest.raises(SystemExit):
        together(configs(tmp_path / "stack", "epochs=4", "encoder.dropout=0.2", members=members))
    runs = [path.parent for path in (tmp_path / "stack").rglob("state")]
    assert [Run.open(run).state for run in runs] == ["interrupted"] * len(members)
    wanted, same = (
        configs(tmp_path / place, "epochs=4", "encoder.dropout=0.2", members=members)[0] for place in ("stack", "alone")
    )
    found, expected = train(wanted), train(same)
    assert found is not None
    assert expected is not None
    assert found.directory in map(str, runs)
    assert found.metrics["test"].flat() == pytest.approx(expected.metrics["test"].flat(), rel=CLOSE, abs=CLOSE)


@pytest.mark.parametrize("error", [InputError("no room for this one"), RuntimeError("no room for this one")])
def test_a_member_that_cannot_begin_leaves_the_others_alone(
    tmp_path: Path, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that had begun by then are not left as if they were trained, and are trained without it."""
    first, second, third = (Job(one) for one in configs(tmp_path, "epochs=1", members=[("weighting=equal",)] * 3))

    def refuse(run: Run) -> None:
        raise error

    second.on_run_created = refuse
    train_jobs([first, second, third], 3)
    assert "1 of 3 runs is trained by itself, and not at once with others: it cannot begin" in capsys.readouterr().err
    assert [job.result.replicas if job.result else None for job in (first, second, third)] == [2, None, 2]
    assert str(second.error) == "no room for this one"
    states = [path.read_text().strip() for path in tmp_path.rglob("state")]
    assert sorted(states) == ["done", "done", *(["failed"] if isinstance(error, RuntimeError) else [])]  # once, alone


def test_no_member_stays_running_where_a_later_one_is_interrupted_as_it_begins(tmp_path: Path) -> None:
    jobs = [Job(one) for one in configs(tmp_path, "epochs=1", members=[("weighting=equal",)] * 3)]

    def interrupt(run: Run) -> None:
        raise KeyboardInterrupt

    jobs[1].on_run_created = interrupt
    with pytest.raises(SystemExit):
        train_jobs(jobs, 3)
    assert {path.read_text().strip() for path in tmp_path.rglob("state")} == {"interrupted"}


@pytest.mark.slow
def test_what_is_not_offered_is_said_and_trained_one_after_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = together(configs(tmp_path, "epochs=1", members=[("weighting=famo",)] * 2))
    assert "2 runs are trained one after another, not at once: weighting=famo" in capsys.readouterr().err
    assert [job.result.replicas for job in jobs if job.result] == [1, 1]


def test_one_run_that_is_not_offered_does_not_keep_the_others_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where it comes first, and the rows that it holds out are not missing in the others."""
    mistake = ("weighting=dwa", "weighting.temperature=0")
    members = [("weighting=auto_lambda",), ("weighting=equal",), ("weighting=equal",), mistake]
    jobs = together(configs(tmp_path / "stack", "epochs=1", "task.rows=100", members=members))
    said = capsys.readouterr().err
    assert "1 of 4 runs is trained by itself, and not at once with others: it cannot be prepared" in said
    assert "1 of 3 runs is trained by itself, and not at once with others: weighting=auto_lambda, which" in said
    assert [job.result.replicas if job.result else None for job in jobs] == [1, 2, 2, None]
    assert "weighting.temperature" in str(jobs[-1].error)
    rows = [job.result.data.rows["train"] for job in jobs if job.result]
    assert rows == [54, 60, 60]


@pytest.mark.parametrize("order", [1, -1])
def test_a_weighting_that_learns_on_held_out_rows_is_said_beside_one_that_does_not(tmp_path: Path, order: int) -> None:
    members = [("weighting=equal",), ("weighting=auto_lambda",)][::order]
    jobs = [Job(one) for one in configs(tmp_path, members=members)]
    apart = train_stack(jobs)
    reason = "weighting=auto_lambda, which looks at more than losses and their gradients"
    assert apart == [(jobs[::order][1], reason)]


def test_merged_networks_are_trained_apart_also_where_several_runs_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a stack they would be networks that learn all tasks together."""
    wanted = configs(tmp_path, "model=merged", "merge=ties", "weighting=equal", "epochs=1", members=((), ()))
    jobs = together(wanted)
    said = "2 runs are trained one after another, not at once: model=merged, whose networks are trained apart first"
    assert said in capsys.readouterr().err
    assert [job.result.replicas for job in jobs if job.result] == [1, 1]
    assert all(job.result is not None and job.result.merging is not None for job in jobs)


@pytest.mark.slow
def test_every_member_begins_with_the_start_that_it_is_given(tmp_path: Path) -> None:
    begun = train(tiny(tmp_path / "start", "model=hard", "weighting=equal", "logger=csv"))
    assert begun is not None
    asked = ("model=common_start", f"model.start={begun.directory}", "weighting=equal", "epochs=2")
    jobs = together(configs(tmp_path / "stack", *asked, members=((), ())))
    for job, config in zip(jobs, configs(tmp_path / "alone", *asked, members=((), ())), strict=True):
        expected = train(config)
        assert job.result is not None
        assert expected is not None
        assert (job.result.replicas, expected.replicas) == (2, 1)
        assert_equal_runs(job.result, expected)
