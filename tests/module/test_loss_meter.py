"""Running means count every step once, with the tasks and shares that it had."""

import math

import pytest
import torch

from mtl.module.loss_meter import AT_ONCE, Diverged, LossMeter


@pytest.mark.parametrize("steps", [1, AT_ONCE, 2 * AT_ONCE + 3])
def test_means_are_over_all_steps(steps: int) -> None:
    meter = LossMeter(("a", "b"))
    losses = torch.rand(steps, 2)
    for step, loss in enumerate(losses):
        meter.add(step, (0, 1), 1.0, loss)
    assert meter.mean_since_last_call() == pytest.approx(dict(zip("ab", losses.mean(0).tolist(), strict=True)))
    assert meter.mean_since_last_call() == {}
    torch.testing.assert_close(meter.epoch_mean(), losses.mean(0))
    assert meter.epoch_mean().isnan().all()


def test_a_task_counts_in_the_steps_that_it_has_labels_in() -> None:
    meter = LossMeter(("a", "b", "never"))
    meter.add(0, (0,), 1.0, torch.tensor([1.0, 0.0, 0.0]))
    for _ in range(2):  # two batches of one step
        meter.add(1, (0, 1), 0.5, torch.tensor([2.0, 6.0, 0.0]))
    assert meter.mean_since_last_call() == {"a": 1.5, "b": 6.0}


def test_a_loss_that_is_not_finite_spoils_no_other_step() -> None:
    """Nor one of a task without labels, which is not looked at."""
    meter = LossMeter(("a", "b"))
    meter.add(0, (0,), 1.0, torch.tensor([1.0, math.nan]))
    meter.add(1, (0, 1), 1.0, torch.tensor([3.0, 5.0]))
    assert meter.mean_since_last_call() == {"a": 2, "b": 5}
    assert meter.last_means == {"a": 2, "b": 5}
    assert meter.epoch_mean().tolist() == [2, 5]


@pytest.mark.parametrize(
    ("partly", "cause"),
    [(False, "the learning rate may be too high"), (True, "part of the labels of a row is missing")],
)
def test_the_likely_cause_is_named(partly: bool, cause: str) -> None:
    meter = LossMeter(("a", "b"))
    if partly:
        meter.partly_missing = lambda task: task == "b"
    meter.add(7, (0, 1), 1.0, torch.tensor([1.0, math.nan]))
    with pytest.raises(Diverged, match=f"'b' became NaN or infinite at step 7: .*{cause}"):
        meter.check_finite()


def test_the_first_step_that_is_not_finite_is_named() -> None:
    meter = LossMeter(("a", "b"))
    meter.check_finite()
    for step, loss in enumerate([1.0, math.inf, math.nan]):
        meter.add(step, (0, 1), 1.0, torch.tensor([1.0, loss]))
    with pytest.raises(Diverged, match="loss of task 'b' became NaN or infinite at step 1"):
        meter.check_finite()


def test_a_checkpoint_holds_nothing_of_it() -> None:
    assert not LossMeter(("a",)).state_dict()
