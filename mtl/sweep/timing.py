"""Seconds of what a run does: a few steps, loading, validation, acting. Each is done once, and timed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from pytorch_lightning import Callback
from typing_extensions import override

from mtl.assembly import Assembly, build
from mtl.config.run_config import RunConfig
from mtl.lifecycle.execution import check_meeting, check_rows, environment_for, what_is_missing
from mtl.lifecycle.improvement import improvement_for
from mtl.module.lightning import silent_lightning
from mtl.module.module import acted_in_validation
from mtl.suites.base import MultiTaskDataModule
from mtl.training.probe_trainer import probe_trainer
from mtl.training.step_threads import step_threads

PROBE_STEPS = 5
FILES = 1.0  # seconds of a run's checkpoints, logs and pictures, as a guess


@dataclass
class Clock:
    """A measured duration.

    Attributes:
        seconds: of the block that was timed.
    """

    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Clock]:
    """Times the block."""
    clock, started = Clock(), time.perf_counter()
    yield clock
    clock.seconds = time.perf_counter() - started


def loading_seconds(config: RunConfig) -> float:
    """Of loading data that was loaded before: what has to be made once, such as labels, is in the cache by then."""
    data = build(config).data
    with timed() as clock:
        data.setup("fit")
    return clock.seconds


def validation_seconds(assembly: Assembly, data: MultiTaskDataModule) -> float:
    """Of one validation: measuring, and the validation rollout where the suite has one."""
    with timed() as clock:
        assembly.module.evaluate(data.loader("val"))
        acted_in_validation(data, assembly.module.predict)
    return clock.seconds


def closing_seconds(assembly: Assembly, data: MultiTaskDataModule) -> float:
    """Of what a run does when it is trained: measuring all splits, acting where the config says so, files.

    Acting is not timed where it takes what only an improvement of the trained network may find.

    Args:
        assembly: of a run.
        data: its suite, the rows loaded.

    Returns:
        The seconds.

    Raises:
        InputError: the trained network, or the rows, will lack what acting or improving by it takes.
    """
    environment = environment_for(assembly.config, assembly.data)
    network = assembly.module.network
    improvement = improvement_for(assembly.config, assembly, environment)
    check_meeting(environment, improvement, network)
    if improvement is not None:
        improvement.check(data, network)  # whose rows are loaded
    check_rows(environment, improvement, data, assembly.config.seed)
    if environment is not None and what_is_missing(environment, network):
        environment = None
    with timed() as clock:
        for split in ("train", "val", "test"):
            assembly.module.evaluate(data.loader(split))
        if environment is not None:
            environment.act(assembly.module.predict, data)
    return clock.seconds + FILES


class StepTimer(Callback):
    """Seconds of each batch.

    Attributes:
        steps: by batch.
    """

    def __init__(self) -> None:
        self.steps: list[float] = []
        self._started = 0.0

    @override
    def on_train_batch_start(self, *args: Any) -> None:
        self._started = time.perf_counter()

    @override
    def on_train_batch_end(self, *args: Any) -> None:
        self.steps.append(time.perf_counter() - self._started)


def step_seconds(assembly: Assembly, data: MultiTaskDataModule) -> float:
    """Of one optimizer step, the median of a few; the first one, which is slower, does not count."""
    timer = StepTimer()
    with silent_lightning(), step_threads(assembly):
        probe_trainer(assembly.config, (timer,), steps=PROBE_STEPS).fit(assembly.module, datamodule=data)
    return median(timer.steps[1:]) * float(assembly.config.accumulate)
