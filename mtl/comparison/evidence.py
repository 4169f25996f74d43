"""From gains to evidence: every claim is read off one interval, which spends its part of one error rate."""

from collections.abc import Sequence
from math import nan

import numpy as np

from mtl.comparison.gain_samples import GainRule, GainSample, Runs
from mtl.comparison.statistics.estimate import NO_INTERVAL
from mtl.comparison.statistics.looks import Look, complete_looks, intersect
from mtl.comparison.types import UNCLEAR, Cell, Evidence, Measurement, Rules, call_of


def evidence_of(sample: GainSample, alpha: float, rules: Rules) -> Evidence:
    """Evidence at one look, from an interval that may miss with probability ``alpha``."""
    estimate = sample.estimate()
    interval = estimate.interval(alpha)
    return Evidence(tuple(sample.by_seed), estimate, alpha, interval, call_of(interval, rules.margin))


def no_claim(sample: GainSample) -> Evidence:
    """A mean gain that nothing is claimed of."""
    return Evidence(tuple(sample.by_seed), sample.estimate(), nan, NO_INTERVAL, UNCLEAR)


def look_at_mean(
    runs: Runs,
    over: Runs,
    seeds: Sequence[int],
    planned: Sequence[int],
    alphas: Sequence[float],
    gain: GainRule,
    rules: Rules,
) -> list[Look]:
    """The looks at delta_m of one configuration, up to the one that decides.

    Args:
        runs: of the configuration.
        over: of the baseline.
        seeds: those that both have, in the order of the design.
        planned: numbers of seeds at which one looks.
        alphas: what each of these looks spends.
        gain: how gains are computed.
        rules: when a difference counts.

    Returns:
        One or more looks; none where there are too few seeds for the first.
    """
    looks: list[Look] = []
    for number, alpha in zip(complete_looks(planned, len(seeds)), alphas, strict=False):
        found = gain.on_all_tasks(runs, over, seeds[:number]).estimate().interval(alpha)
        interval = intersect([*(look.interval for look in looks), found])
        looks.append(Look(number, alpha, interval, call_of(interval, rules.margin)))
        if looks[-1].call != UNCLEAR:
            break
    return looks


def measure_configuration(
    runs: Runs,
    over: Runs,
    looks: Sequence[Look],
    seeds: Sequence[int],
    other_alpha: float,
    gain: GainRule,
    rules: Rules,
) -> Measurement:
    """What a configuration did on test at its last look.

    Args:
        runs: of the configuration.
        over: of the baseline.
        looks: at delta_m; without any, nothing is claimed.
        seeds: those that both have, in the order of the design.
        other_alpha: what one task, or acting, may spend at this look.
        gain: how gains are computed.
        rules: when a difference counts.

    Returns:
        Its evidence; of one task the same as that on delta_m, which is its gain.
    """
    used = list(seeds[: looks[-1].seeds] if looks else seeds)

    def judged(sample: GainSample) -> Evidence:
        return evidence_of(sample, other_alpha, rules) if looks else no_claim(sample)

    mean = gain.on_all_tasks(runs, over, used)
    delta = no_claim(mean)
    if looks:
        last = looks[-1]
        delta = Evidence(tuple(mean.by_seed), mean.estimate(), last.alpha, last.interval, last.call)
    outcome = gain.on_outcome(runs, over, used)
    alone = len(gain.tasks) == 1
    return Measurement(
        seeds=tuple(used),
        records=tuple(runs[seed] for seed in used),
        cells={
            task: summarize(
                [runs[seed].test[task] for seed in used],
                delta if alone else judged(gain.on_task(runs, over, used, task)),
            )
            for task in gain.tasks
        },
        delta=delta,
        outcome=None if outcome is None else judged(outcome),
        looks=tuple(looks),
    )


def summarize(values: Sequence[float], evidence: Evidence) -> Cell:
    """One configuration on one task, from its primary metric by seed."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else nan
    return Cell(tuple(values), float(np.mean(values)), sd, evidence)
