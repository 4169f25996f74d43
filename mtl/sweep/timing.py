"""Seconds of what a run does beside its steps: loading, validation, acting. Each is done once, and timed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mtl.agent.agent import Agent
from mtl.assembly import Assembly, Config, build
from mtl.lifecycle.execution import place_to_act
from mtl.suites.base import MultiTaskDataModule

FILES = 1.0  # seconds of a run's checkpoints, logs and pictures, as a guess


@dataclass
class Clock:
    """Attributes:
    seconds: of the block that it timed.
    """

    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Clock]:
    """Times the block."""
    clock, started = Clock(), time.perf_counter()
    yield clock
    clock.seconds = time.perf_counter() - started


def loading_seconds(config: Config) -> float:
    """Of loading data that was loaded before: what has to be made once, such as labels, is in the cache by then."""
    data = build(config).data
    with timed() as clock:
        data.setup("fit")
    return clock.seconds


def validation_seconds(assembly: Assembly, data: MultiTaskDataModule) -> float:
    """Of one validation: measuring, and the validation rollout where the suite has one."""
    with timed() as clock:
        assembly.module.evaluate(data.loader("val"))
        data.validation_rollout(assembly.module.predict)
    return clock.seconds


def closing_seconds(assembly: Assembly, data: MultiTaskDataModule) -> float:
    """Of what a run does when it is trained: measuring all splits, acting where the config says so, files."""
    place = place_to_act(assembly)
    with timed() as clock:
        for split in ("train", "val", "test"):
            assembly.module.evaluate(data.loader(split))
        if place is not None:
            Agent(assembly.graph, assembly.module.predict).execute(place)
    return clock.seconds + FILES
