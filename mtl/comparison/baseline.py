"""Which single-task configuration the others are compared with."""

from collections.abc import Mapping

from mtl.comparison.gain_samples import Runs, any_run, shared_seeds
from mtl.comparison.records import Record, flatten
from mtl.config.study import APART, BASELINE
from mtl.errors import InputError


def choose_baseline(configurations: Mapping[str, Runs]) -> str:
    """The single-task configuration that differs least from the multi-task ones in everything but model and weighting.

    So networks of the usual size and duration are the baseline, and matched ones are further baselines. Ties go to the
    one that has more seeds in common with those, and then to the one with more runs.

    Args:
        configurations: runs by configuration id.

    Returns:
        Its configuration id.

    Raises:
        InputError: there is none, or it has no seed in common with a multi-task configuration.
    """
    multi = [runs for runs in configurations.values() if any_run(runs).model not in APART]
    single = {key: runs for key, runs in configurations.items() if any_run(runs).model == BASELINE}
    if not single:
        raise InputError(f"no baseline: none of the runs has model={BASELINE}")

    def distance(key: str) -> tuple[int, int, int]:
        mine = config_without_method(any_run(single[key]))
        differing = sum(len(mine.items() ^ config_without_method(any_run(runs)).items()) for runs in multi)
        pairs = sum(len(shared_seeds(single[key], runs)) for runs in multi)
        return differing, -pairs, -len(single[key])

    chosen = min(single, key=distance)
    if multi and not any(shared_seeds(single[chosen], runs) for runs in multi):
        raise InputError("no multi-task run has a seed in common with a run of the single-task baseline")
    return chosen


def config_without_method(one: Record) -> dict[str, str]:
    """The config of a run, flat, but for how parameters are shared and losses weighted."""
    method = ("model.", "weighting.", "choices.")
    return {key: text for key, text in flatten(one.config).items() if key != "seed" and not key.startswith(method)}
