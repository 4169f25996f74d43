"""Which trials of a search come to an early end, by hand."""

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from mtl.sweep.search_halving import SuccessiveHalving, best_until, last_look


def trial(*scores: float, every: int = 1, state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    """One with these scores, a validation every so many epochs."""
    values = {every * place: score for place, score in enumerate(scores, start=1)}
    return create_trial(
        state=state, value=min(scores) if state == TrialState.COMPLETE else None, intermediate_values=values
    )


def is_pruned(own: FrozenTrial, *others: FrozenTrial, startup: int = 0) -> bool:
    study = optuna.create_study()
    study.add_trials([*others, own])
    return SuccessiveHalving(startup).prune(study, study.trials[-1])


def test_trials_are_compared_after_4_16_and_64_epochs() -> None:
    assert [last_look(epochs) for epochs in (0, 3, 4, 15, 16, 63, 64)] == [0, 0, 4, 4, 16, 16, 64]
    scores = {2: 5.0, 4: 3.0, 6: 1.0}
    assert [best_until(scores, look) for look in (1, 4, 5, 7)] == [5.0, 3.0, 1.0, None]


@pytest.mark.parametrize(
    ("better", "worse", "pruned"),
    [
        (0, 7, False),
        (1, 6, False),
        (2, 5, True),
        (1, 7, False),
        (2, 9, False),
        (3, 8, True),
        (1, 1, True),
        (0, 0, False),
    ],
)
def test_the_best_quarter_goes_on_and_one_at_least(better: int, worse: int, pruned: bool) -> None:
    others = [trial(9.0, 9.0, 9.0, 1.0)] * better + [trial(*[9.0] * 4, 0.1)] * worse
    own = trial(8.0, 7.0, 3.0, 4.0, state=TrialState.RUNNING)
    assert is_pruned(own, *others) is pruned


def test_what_counts_is_the_best_score_until_then_of_trials_that_came_as_far() -> None:
    own = trial(2.0, 5.0, 5.0, 5.0, state=TrialState.RUNNING)
    better, short, failed = trial(9.0, 1.0, 9.0, 9.0), trial(1.0, 1.0, 1.0), trial(*[1.0] * 4, state=TrialState.FAIL)
    assert is_pruned(own, better)
    assert not is_pruned(own, trial(9.0, 3.0, 9.0, 9.0, 1.0))
    assert not is_pruned(own, short)
    assert not is_pruned(own, failed)
    for state in (TrialState.PRUNED, TrialState.RUNNING):  # of several processes each sees what the others have
        assert is_pruned(own, trial(*[1.0] * 4, state=state))
    assert not is_pruned(trial(state=TrialState.RUNNING), better), "before its first validation"
    assert not is_pruned(trial(*[9.0] * 3, state=TrialState.RUNNING), better), "before the first look"
    assert is_pruned(trial(9.0, 9.0, every=3, state=TrialState.RUNNING), better), "at the first validation after it"


def test_nothing_is_pruned_before_so_many_trials_came_to_their_end() -> None:
    own, better = trial(*[9.0] * 4, state=TrialState.RUNNING), trial(*[1.0] * 4)
    ended = trial(*[1.0] * 4, state=TrialState.PRUNED)
    assert not is_pruned(own, better, ended, startup=2)
    assert is_pruned(own, better, better, startup=2)
