"""Sums, means and smooth bounds, in compiled loops."""

import math

import numpy as np

from mtl.suites.scheduling.loops.arrays import Exact
from mtl.suites.scheduling.loops.compiled import inlined


@inlined
def squash(x: float) -> float:
    """``sign(x) log(1 + |x|)``."""
    return math.log1p(x) if x >= 0 else -math.log1p(-x)


@inlined
def smooth(
    machine_bounds: Exact, job_bounds: Exact, machine_count: int, jobs: int, sharp: float, softness: float
) -> float:
    """Smooth maximum of the bounds: ``s log sum exp(bound / s)`` with ``s = softness x sharp``.

    Several bounds near the peak one add up to more than it, as several bottlenecks make a long schedule likelier
    than one.
    """
    scale, peak, total = softness * sharp, -np.inf, 0.0
    for m in range(machine_count):
        peak = max(peak, float(machine_bounds[m]))
    for j in range(jobs):
        peak = max(peak, float(job_bounds[j]))
    for m in range(machine_count):
        total += math.exp((machine_bounds[m] - peak) / scale)
    for j in range(jobs):
        total += math.exp((job_bounds[j] - peak) / scale)
    return peak + scale * math.log(total)


@inlined
def mean(values: Exact, count: int) -> float:
    """Of the first ``count`` values, as all that follow."""
    total = 0.0
    for i in range(count):
        total += values[i]
    return total / count


@inlined
def largest(values: Exact, count: int) -> float:
    """Their maximum."""
    found = float(values[0])
    for i in range(1, count):
        found = max(found, float(values[i]))
    return found


@inlined
def spread(values: Exact, count: int, scale: float) -> float:
    """Standard deviation of ``values / scale``."""
    centre, total = mean(values, count), 0.0
    for i in range(count):
        total += ((values[i] - centre) / scale) ** 2
    return math.sqrt(total / count)


@inlined
def share_above(values: Exact, count: int, limit: float) -> float:
    """How many are above the limit, as a share."""
    above = 0
    for i in range(count):
        above += values[i] > limit
    return above / count
