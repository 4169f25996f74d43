"""From gains to evidence: tests that are corrected together, because they are looked at together."""

from collections.abc import Iterable, Mapping, Sequence
from math import nan

import numpy as np

from mtl.comparison.pairing import PairedGains, Runs
from mtl.comparison.statistics.bootstrap import bootstrap_interval
from mtl.comparison.statistics.paired import equivalence, holm, paired
from mtl.comparison.types import HELPS, HURTS, SAME, UNCLEAR, Cell, Evidence, Rules

ALL_TASKS = ""  # in the place of a task: the mean over all of them (delta_m); no task is called so
Hypothesis = tuple[str, str]  # a configuration id, and a task or ALL_TASKS


def find_evidence(
    configurations: Mapping[str, Runs], over: Runs, gains: PairedGains, rules: Rules
) -> dict[Hypothesis, Evidence]:
    """Evidence for each of these configurations, on every task and on all of them.

    Tasks of all configurations are one family of hypotheses, the means over tasks another.

    Args:
        configurations: runs by configuration id.
        over: runs of the baseline.
        gains: how gains are computed.
        rules: when a difference counts.

    Returns:
        Evidence by configuration and task, and by configuration and :data:`ALL_TASKS`.
    """
    by_task = {
        (key, task): gains.on_task(runs, over, task) for key, runs in configurations.items() for task in gains.tasks
    }
    together = {(key, ALL_TASKS): gains.on_all_tasks(runs, over) for key, runs in configurations.items()}
    return correct_family(by_task, rules) | correct_family(together, rules)


def correct_family(gains: Mapping[Hypothesis, Sequence[float]], rules: Rules) -> dict[Hypothesis, Evidence]:
    """Evidence of a family of hypotheses, with p-values that are corrected together."""
    tests = {key: paired(values) for key, values in gains.items()}
    different = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
    within = dict(zip(gains, holm([equivalence(values, rules.margin) for values in gains.values()]), strict=True))
    return {
        key: Evidence(
            gains=tuple(values),
            interval=bootstrap_interval(values),
            test=tests[key],
            p=different[key],
            call=call_of(tests[key].mean, different[key], within[key], rules.alpha),
        )
        for key, values in gains.items()
    }


def call_of(mean: float, different: float, within: float, alpha: float) -> str:
    """What to call a mean gain, from the corrected p-values of "it is not zero" and "it lies within the margin"."""
    if within < alpha:
        return SAME
    if different < alpha:
        return HELPS if mean > 0 else HURTS
    return UNCLEAR


def summarize(values: Iterable[float], evidence: Evidence) -> Cell:
    """One configuration on one task, from its primary metric by seed."""
    found = tuple(values)
    sd = float(np.std(found, ddof=1)) if len(found) > 1 else nan
    return Cell(found, float(np.mean(found)), sd, bootstrap_interval(found), evidence)
