"""The agent together with CP-SAT, and each of them alone, in equal processor time of two cores.

python -m experiments.scheduling.together run=<run> seconds=10 instances=ta11,ta12
python -m experiments.scheduling.together run=<run> after=1 instances=ta11,ta12

The machine may be shared: what counts is the time of the processor, half of it where two cores are at work, so that a
second is what it is on two idle cores. The agent's samples count as if two cores halved their time.
"""

import sys
import time
from collections.abc import Iterator
from threading import Event, Thread

import numpy as np
import torch
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.timed_sample import TimedSample
from mtl.lifecycle.trained import load_trained
from mtl.runs.directory import Run
from mtl.suites.scheduling.dispatch_order import Operations
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.rollout import Policy, network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.window import Window
from mtl.suites.scheduling.window_search import shorten

CORES = 2
WATCH = 0.01  # seconds between two looks at the clock


def two_cores() -> float:
    """Seconds of two cores that this process has used."""
    return time.process_time() / CORES


def solver_alone(instance: JobShop, seconds: float) -> float:
    """Gap of CP-SAT's schedule from an empty start."""
    operations = Operations(instance)
    horizon = sum(operations.durations)
    program = Window(operations, list(range(len(operations))), 0, len(operations)).program(
        horizon, instance.trivial_bound
    )
    assert program is not None
    model, variables = program
    model.clear_hints()
    solver, over = cp_model.CpSolver(), Event()
    solver.parameters.num_workers = CORES
    deadline = two_cores() + seconds

    def watch() -> None:
        while not over.wait(WATCH):
            if two_cores() >= deadline:
                solver.stop_search()

    watching = Thread(target=watch)
    watching.start()
    status = solver.status_name(solver.solve(model))
    over.set()
    watching.join()
    if status not in ("OPTIMAL", "FEASIBLE"):
        return instance.gap(horizon)
    starts = [solver.value(variables[operation]) for operation in range(len(operations))]
    return Schedule(instance, operations.matrix(starts)).gap


def measure(policy: Policy, instance: JobShop, seconds: float, after: float) -> Iterator[tuple[str, float]]:
    """Gaps by method, and the seconds that each of them had.

    Args:
        policy: the agent's.
        instance: a job shop.
        seconds: of two cores for each method.
        after: more than that, as many seconds as this after the greedy schedule is there.

    Yields:
        tuple[str, float]: a method and its gap.
    """
    shops = Shops.pack([instance])

    def build() -> NDArray[np.int64]:
        return Schedule.of(instance, rollout(policy, Simulator(shops)).starts[0]).starts

    def schedules() -> Iterator[NDArray[np.int64]]:
        yield build()

    began = time.process_time()  # one core
    yield "greedy", Schedule(instance, build()).gap
    took = time.process_time() - began
    yield "seconds of greedy", took
    seconds = max(seconds, took + after)
    together = shorten(instance, schedules(), seconds, workers=CORES, clock=two_cores)
    yield "together", Schedule(instance, together.starts).gap
    yield "CP-SAT alone", solver_alone(instance, seconds)
    operations = Operations(instance)
    rule = operations.matrix(operations.earliest(operations.without_delay()))
    windows = shorten(instance, [rule], seconds, workers=CORES, clock=two_cores)
    yield "windows without the agent", Schedule(instance, windows.starts).gap
    drawn = TimedSample(seconds, clock=two_cores).decode(policy, shops)
    yield "samples", Schedule.of(instance, drawn[0]).gap


def main() -> None:
    """Print instance, size, method and gap."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    torch.set_num_threads(1)
    trained = load_trained(Run.open(given["run"]))
    policy = network_policy(lambda inputs: trained.predict(inputs)["assignment"])
    seconds, after = float(given.get("seconds", 0)), float(given.get("after", 0))
    with torch.inference_mode():
        rollout(policy, Simulator(Shops.pack(select("ft06"))))  # what is done once is not measured
        for instance in select(given["instances"]):
            for name, value in measure(policy, instance, seconds, after):
                size = f"{instance.jobs}x{instance.machine_count}"
                print(instance.name, size, name, round(value, 4), sep=",", flush=True)


if __name__ == "__main__":
    main()
