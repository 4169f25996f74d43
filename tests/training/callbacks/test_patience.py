"""A training ends when it improves no more, and its learning rate falls to zero in time for whatever end it has."""

from math import inf
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning import Callback, Trainer
from torch.optim import Optimizer

from mtl.assembly import build
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.module.lightning import TRAINER, silent_lightning
from mtl.runs.checkpoint import read_checkpoint
from mtl.suites.synthetic import SyntheticSuite
from mtl.training.callbacks.patience import SPACING, Part
from tests.support import own_optimizer, tiny
from tests.trained import train_with

# So few and noisy rows that validation soon gets worse
OVERFITTING = ("task.rows=60", "task.noise=3", "batch_size=20", "optimizer.lr=0.03", "encoder.widths=[32]")


class Course(Callback):
    """The learning rates of every step, by parameter group; the steps of every validation, and what it measured."""

    def __init__(self) -> None:
        self.rates: list[list[float]] = []
        self.validated: list[int] = []
        self.measured: list[dict[str, float]] = []

    def on_before_optimizer_step(self, trainer: Trainer, module: Any, optimizer: Optimizer) -> None:
        self.rates.append([group["lr"] for group in optimizer.param_groups])

    def on_validation_end(self, trainer: Trainer, module: Any) -> None:
        self.validated.append(trainer.global_step)
        self.measured.append({name: float(value) for name, value in trainer.callback_metrics.items()})

    def cooldown(self, group: int) -> tuple[int, int]:
        """The first step in which the rate of a group is less than at first, and the first in which it is zero."""
        rates = [step[group] for step in self.rates] + [0.0]
        return next(i for i, rate in enumerate(rates) if rate < rates[0]), rates.index(0.0)


def trained(path: Path, *options: str) -> tuple[RunResult, Course]:
    course = Course()
    result = train_with(tiny(path, "weighting=equal", *options), course)
    assert result is not None
    return result, course


@pytest.mark.parametrize("accumulate", [1, 2])
def test_without_an_end_of_improvement_the_rate_falls_over_the_last_share_of_the_budget(
    accumulate: int, tmp_path: Path
) -> None:
    options = ("epochs=10", "patience=10", "scheduler.share=0.3", f"accumulate={accumulate}")
    result, course = trained(tmp_path, "model=hard", *options)
    rates = [rate for (rate,) in course.rates]
    assert len(rates) == result.steps == 30
    assert set(rates[:22]) == {0.001}  # in step 21 a cooldown begins, with the whole rate
    assert rates[21:] == sorted(rates[21:], reverse=True)
    assert 0 < rates[-1] < 0.1 * rates[0]
    assert result.selection.still_improving
    assert result.selection.epoch == 9


@pytest.mark.parametrize("shape", ["sqrt", "linear", "cosine"])
def test_what_improves_no_more_cools_down_and_ends(shape: str, tmp_path: Path) -> None:
    options = (*OVERFITTING, "epochs=200", "patience=4", f"scheduler.shape={shape}")
    result, course = trained(tmp_path, "model=hard", *options)
    assert result.epochs < 100
    assert result.steps == len(course.rates) == course.validated[-1]
    start, end = course.cooldown(0)
    assert end == result.steps  # zero would come with the step after the last
    assert course.rates[-1][0] < 0.6 * course.rates[0][0]
    assert not result.selection.still_improving
    constant, _ = trained(tmp_path / "none", "model=hard", *OVERFITTING, "epochs=200", "patience=4", "scheduler=none")
    assert constant.steps == start - 1  # it ends where the other begins to cool down, with the whole rate
    assert not constant.selection.still_improving


def test_cooling_down_begins_at_the_best_state_so_long_before_the_best_that_it_ends_with_it(tmp_path: Path) -> None:
    """Of network and optimizer."""

    class Compare(Callback):
        """Keeps the state at each validation, and that at the first step of the cooldown."""

        def __init__(self) -> None:
            self.at: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
            self.begun: list[tuple[torch.Tensor, torch.Tensor]] = []
            self.scores: dict[int, float] = {}

        def state(self, trainer: Trainer, module: Any) -> tuple[torch.Tensor, torch.Tensor]:
            known = trainer.optimizers[0].state.values()
            moments = [value["exp_avg"].flatten() for value in known]
            return torch.cat([p.detach().flatten() for p in module.parameters()]), torch.cat(moments)

        def on_validation_epoch_end(self, trainer: Trainer, module: Any) -> None:
            self.at[trainer.global_step] = self.state(trainer, module)

        def on_validation_end(self, trainer: Trainer, module: Any) -> None:
            self.scores[trainer.global_step] = float(trainer.callback_metrics["val/score"])

        def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
            scheduler = trainer.lr_scheduler_configs[0].scheduler
            if trainer.global_step == scheduler.spans[0][0]:
                self.begun.append(self.state(trainer, module))

    compare = Compare()
    train_with(tiny(tmp_path, *OVERFITTING, "model=hard", "weighting=equal", "epochs=200", "patience=4"), compare)
    (begun,) = compare.begun
    steps = sorted(compare.scores)
    (start,) = [step for step in steps if torch.equal(compare.at[step][0], begun[0])]
    assert torch.equal(compare.at[start][1], begun[1])
    lowest = [step for step in steps if compare.scores[step] == min(compare.scores[s] for s in steps if s <= step)]
    best = next(step for step in lowest if not any(step < other <= step + 4 * 2 for other in lowest))
    assert start in lowest
    wanted = max((step for step in lowest if step <= 0.8 * best), default=lowest[0])
    assert wanted / 1.1 <= start <= wanted


def test_where_nothing_is_shared_each_task_ends_as_if_it_were_alone(tmp_path: Path) -> None:
    """Its own end of improvement, its own cooldown; the training ends with the last."""
    result, course = trained(tmp_path, "model=single_task", *OVERFITTING, "epochs=200", "patience=4")
    spans = {task: course.cooldown(group) for group, task in enumerate(result.tasks)}
    assert len({end for _, end in spans.values()}) > 1  # else this run proves nothing
    assert max(end for _, end in spans.values()) == result.steps
    assert not result.selection.still_improving
    for task, (start, end) in spans.items():
        losses = [measured[f"val/{task}/loss"] for measured in course.measured]
        best = next(i for i in range(len(losses)) if min(losses[i + 1 : i + 5]) >= min(losses[: i + 1]) == losses[i])
        assert start - 1 == course.validated[best + 4], "a step later, the first with a lower rate"
        assert 0.2 * course.validated[best] <= end - (start - 1) < course.validated[best] + 2


@pytest.mark.parametrize("scheduler", ["cooldown", "plateau"])
def test_where_an_optimizer_divides_its_groups_each_task_still_ends_as_if_it_were_alone(
    scheduler: str, tmp_path: Path
) -> None:
    """The parts of a task's group are its own, and not those of the tasks whose numbers they have."""
    options = (
        "weighting=equal",
        "model=single_task",
        *OVERFITTING,
        "epochs=16",
        "patience=2",
        f"scheduler={scheduler}",
    )
    config = tiny(tmp_path, *options, "optimizer=adamw", "optimizer.fused=false", "optimizer.weight_decay=0")
    whole, parts = train(config), train(own_optimizer(config))
    assert whole is not None
    assert parts is not None
    assert parts.steps == whole.steps
    assert parts.metrics == whole.metrics
    with pytest.raises(InputError, match="optimizer: it joins parameters of the tasks 'task0' and 'task1'"):
        train(own_optimizer(config, joined=True))


def test_a_limit_of_steps_counts_in_whole_epochs_and_at_least_one(tmp_path: Path) -> None:
    steps = {
        given: trained(tmp_path / given, "model=hard", f"steps={given}", "epochs=5")[0] for given in ("1", "9", "99")
    }
    assert [result.steps for result in steps.values()] == [3, 9, 15]
    assert [result.selection.budget_key for result in steps.values()] == ["steps", "steps", "epochs"]


def test_validation_is_no_more_often_than_asked_and_always_at_the_end(tmp_path: Path) -> None:
    result, course = trained(tmp_path, "model=hard", "epochs=8", "validate_every=9")
    assert course.validated == [9, 18, 24]
    last = read_checkpoint(Path(result.directory) / "last.ckpt")
    assert last["global_step"] == result.steps == 24


def test_a_rate_that_falls_to_zero_at_a_fixed_epoch_does_not_go_with_an_open_end(tmp_path: Path) -> None:
    for typed, other in (("patience=3", "steps=null"), ("steps=7", "patience=null")):
        with pytest.raises(InputError, match=f"scheduler=cosine falls to zero .*, and {typed} may end") as error:
            tiny(tmp_path, "scheduler=cosine", typed, other)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("key", "said"), [("share=1.5", "between 0 and 1"), ("shape=sqr", "did you mean 'sqrt'")])
def test_what_a_cooldown_cannot_be_is_said(key: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        build(tiny(tmp_path, f"scheduler.{key}")).module.configure_optimizers()


def test_without_patience_and_with_a_cosine_the_training_is_the_plain_one(tmp_path: Path) -> None:
    """The same parameters, bit for bit, as Lightning's trainer gives without any of this."""
    fixed = ("scheduler=cosine", "patience=null", "steps=null", "epochs=4", "model=hard", "weighting=uncertainty")
    config = tiny(tmp_path, *fixed)
    result = train(config)
    assert result is not None
    plain = build(config)
    with silent_lightning():
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=4,
            gradient_clip_val=config.gradient_clip,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            **TRAINER,
        )
        trainer.fit(plain.module, datamodule=plain.data)
    kept = read_checkpoint(Path(result.directory) / "last.ckpt")["state_dict"]
    for name, value in plain.module.state_dict().items():
        assert torch.equal(value, kept[name]), name


def test_what_a_weighting_learns_cools_down_with_the_last_task(tmp_path: Path) -> None:
    options = ("model=single_task", "weighting=uncertainty", *OVERFITTING, "epochs=200", "patience=2")
    result, course = trained(tmp_path, *options)
    spans = [course.cooldown(group) for group in range(4)]
    assert spans[3] == max(spans[:3])
    assert spans[3][1] == result.steps


def test_what_is_never_a_finite_number_selects_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where no instance can be solved, and the gap is infinite."""
    monkeypatch.setattr(SyntheticSuite, "selection", ("val/gap", "min"))
    monkeypatch.setattr(SyntheticSuite, "validation_rollout", lambda *_: {"gap": inf})
    for patience, said in (("2", "all of 2"), ("null", "all")):
        with pytest.raises(InputError, match=f"val/gap was infinite in {said} validations: nothing to select"):
            trained(tmp_path / patience, "model=hard", f"patience={patience}", "validate_every=1", "epochs=3")


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.sampled_from([0.0, 0.2, 0.5]))
def test_of_many_best_states_few_are_kept_and_the_first_leaves_steps_enough(gaps: list[int], share: float) -> None:
    """The last one that leaves the share of all steps, or one of a tenth fewer steps."""
    part, steps = Part(), 0
    every: list[int] = []
    for gap in gaps:
        steps += gap
        every.append(steps)
        part.steps = steps
        part.keep({"steps": steps}, share)
        kept = [one["steps"] for one in part.kept]
        wanted = max((one for one in every if one <= (1 - share) * steps), default=every[0])
        assert wanted / SPACING <= kept[0] <= wanted
        assert kept == sorted(set(kept) & set(every))
        assert kept[-1] == steps
        between = zip(kept[:-3], kept[2:-1], strict=True)  # all but the newest are as far apart as they have to be
        assert all(later >= SPACING * earlier for earlier, later in between)
