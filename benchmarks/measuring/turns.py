"""Rounds in which contestants take turns, so that what else the machine does hits all of them."""

import time
from collections.abc import Callable, Mapping


def seconds_by_turns(
    contestants: Mapping[str, Callable[[], object]], rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Processor seconds of one call of each contestant, one figure for each round.

    Args:
        contestants: by name; each is called three times before, to warm up.
        rounds: how many.
        seconds: that each takes about in each round.
    """
    repeats = {}
    for name, call in contestants.items():
        call()
        call()
        started = time.process_time()
        call()
        repeats[name] = max(1, int(seconds / max(time.process_time() - started, 1e-5)))
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            started = time.process_time()
            for _ in range(repeats[name]):
                call()
            found[name].append((time.process_time() - started) / repeats[name])
    return found
