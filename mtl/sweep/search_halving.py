"""Successive halving of the trials of a search, by what their validations were."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from optuna.study import Study

COUNTED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
FACTOR = 4  # of the trials that came as far, one in so many goes on; of epochs, from one look to the next


class SuccessiveHalving(BasePruner):
    """Ends a trial that is not in the best quarter of those that came as far, after 4, 16, 64, ... epochs.

    What counts is the best validation score until then. Li et al., "A System for Massively Parallel Hyperparameter
    Tuning", MLSys 2020, https://arxiv.org/abs/1810.05934. Optuna's own prunes the first trials, where this one leaves
    them alone, and keeps a state that an interruption would change.

    Args:
        startup: trials that come to their end before any is pruned.
    """

    def __init__(self, startup: int) -> None:
        self.startup = startup

    def prune(self, study: "Study", trial: FrozenTrial) -> bool:
        """Whether a trial is to be ended."""
        trials = study.get_trials(deepcopy=False)
        if sum(one.state == TrialState.COMPLETE for one in trials) < self.startup:
            return False
        look = last_look(trial.last_step or 0)
        if not look:
            return False
        own = best_until(trial.intermediate_values, look)
        if own is None:
            return False
        others = [
            score
            for one in trials
            if one.number != trial.number
            and one.state in COUNTED
            and (one.last_step or 0) >= look
            and (score := best_until(one.intermediate_values, look)) is not None
        ]
        return sum(score < own for score in others) >= max(1, (len(others) + 1) // FACTOR)


def last_look(epochs: int) -> int:
    """The last number of epochs up to this one after which trials are compared; 0 before the first."""
    look = 1
    while look * FACTOR <= epochs:
        look *= FACTOR
    return look if look > 1 else 0


def best_until(scores: Mapping[int, float], look: int) -> float | None:
    """The best score of the validations before a look and the first one after it; None where there is none."""
    after = min((step for step in scores if step >= look), default=None)
    return min((score for step, score in scores.items() if after is not None and step <= after), default=None)
