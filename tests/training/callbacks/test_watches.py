"""Callbacks that go by a clock, or by what a validation measured: by hand, without a training."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mtl.config.signals import TimeLimitReached
from mtl.training.callbacks import PlateauWatch, TimeLimit, Timer
from mtl.training.callbacks.validation_watch import SCORE, Pruned, ValidationWatch
from mtl.training.plateau import Plateau


class Clock:
    """Stands for the clocks of :mod:`time`."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for name in ("perf_counter", "monotonic"):
        monkeypatch.setattr(f"time.{name}", made)
    return made


TRAINER: Any = SimpleNamespace(num_training_batches=4, strategy=SimpleNamespace(broadcast=lambda value: value))
MODULE: Any = None


def test_seconds_of_epochs_are_without_validation_and_those_of_a_fit_with_it(clock: Clock) -> None:
    """By hand: epochs of 2 and 3 seconds within 20, and 5 more after an interruption."""
    timer = Timer()
    clock.now = 100
    timer.on_fit_start(TRAINER, MODULE)
    for begins, ends in ((101, 103), (110, 113)):
        clock.now = begins
        timer.on_train_epoch_start(TRAINER, MODULE)
        clock.now = ends
        timer.on_validation_start(TRAINER, MODULE)
    clock.now = 120
    assert (timer.seconds, timer.batches, timer.fit()) == (5, 8, 20)
    kept = timer.state_dict()
    clock.now = 1000
    again = Timer()
    clock.now = 1003
    again.load_state_dict(kept)
    clock.now = 1008
    assert again.fit() == 25
    clock.now = 1010
    again.on_fit_start(TRAINER, MODULE)
    clock.now = 1012
    again.on_train_epoch_start(TRAINER, MODULE)
    clock.now = 1015
    again.on_validation_start(TRAINER, MODULE)
    assert (again.seconds, again.batches, again.fit()) == (8, 12, 25)


def test_no_epoch_is_begun_that_would_not_be_done_in_time(clock: Clock) -> None:
    """Of ten seconds the first epoch takes four and the second five, so the third would be done after fourteen."""
    limit = TimeLimit(10)
    clock.now = 50
    limit.on_fit_start(TRAINER, MODULE)
    for begins, ends in ((50, 54), (54, 59)):
        clock.now = begins
        limit.on_train_epoch_start(TRAINER, MODULE)
        clock.now = ends
        limit.on_train_epoch_end(TRAINER, MODULE)
    with pytest.raises(TimeLimitReached):
        limit.on_train_epoch_start(TRAINER, MODULE)
    clock.now = 60
    limit.on_train_batch_end(TRAINER, MODULE, None, None, 0)
    clock.now = 60.5
    with pytest.raises(TimeLimitReached):
        limit.on_train_batch_end(TRAINER, MODULE, None, None, 0)
    assert TimeLimit(None).on_train_batch_end is None


def test_each_group_of_an_optimizer_goes_by_what_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task by its loss, the one that acts by how acting went, and what a weighting learns by what selects."""
    own = {task: [torch.zeros(1, requires_grad=True)] for task in ("a", "b")}
    groups = [own["b"], own["a"], [torch.zeros(1, requires_grad=True)]]
    optimizer = torch.optim.SGD([{"params": group} for group in groups], lr=1.0)
    noted: dict[int, float] = {}
    monkeypatch.setattr(Plateau, "observe", lambda _, group, value: noted.update({group: value}))
    trainer: Any = SimpleNamespace(
        sanity_checking=False,
        optimizers=[optimizer],
        lr_scheduler_configs=[SimpleNamespace(scheduler=Plateau(optimizer))],
        callback_metrics={"val/a/loss": torch.tensor(1.5), "val/b/loss": torch.tensor(2.5), "val/won": 0.25},
        strategy=TRAINER.strategy,
    )
    module: Any = SimpleNamespace(nothing_shared=True, partition=SimpleNamespace(private=own))
    PlateauWatch(("val/won", "max"), acting="b").on_validation_end(trainer, module)
    assert noted == {0: -0.25, 1: 1.5, 2: -0.25}
    noted.clear()
    del trainer.callback_metrics["val/won"]  # where nobody acts in this validation
    PlateauWatch(("val/won", "max"), acting="b").on_validation_end(trainer, module)
    assert noted == {1: 1.5}
    PlateauWatch(("val/b/loss", "min")).on_validation_end(trainer, SimpleNamespace(nothing_shared=False))  # type: ignore[arg-type]
    assert noted == {0: 2.5, 1: 2.5, 2: 2.5}
    noted.clear()
    trainer.sanity_checking = True
    PlateauWatch(("val/b/loss", "min")).on_validation_end(trainer, module)
    assert noted == {}


def test_whoever_watches_is_told_each_score_and_ends_a_training_before_its_next_epoch() -> None:
    told: list[tuple[int, float]] = []

    def is_enough(epochs: int, score: float) -> bool:
        told.append((epochs, score))
        return epochs >= 3

    watch = ValidationWatch(is_enough)

    def validate(epoch: int, score: float, *, sanity: bool = False, name: str = SCORE) -> None:
        measured = {name: torch.tensor(score)}
        trainer: Any = SimpleNamespace(sanity_checking=sanity, callback_metrics=measured, current_epoch=epoch)
        watch.on_validation_end(trainer, MODULE)

    watch.on_train_epoch_start(TRAINER, MODULE)  # nothing has been validated yet
    validate(0, 9.0, sanity=True)
    validate(0, 0.5)
    validate(1, 0.25, name="val/other")
    watch.on_train_epoch_start(TRAINER, MODULE)
    validate(2, 0.75)
    assert told == [(1, 0.5), (3, 0.75)]
    with pytest.raises(Pruned):
        watch.on_train_epoch_start(TRAINER, MODULE)
