"""What every environment does, with an agent that has learned nothing.

A check takes what makes the environment, and what makes a suite whose runs can act in it.
"""

from collections.abc import Callable
from math import isfinite

import torch

from mtl.agent.environment import Environment
from mtl.agent.report import ExecutionReport
from mtl.errors import InputError
from mtl.network import Network
from mtl.nn.mlp import MLP
from mtl.sharing.hard import Hard
from mtl.suites.base import MultiTaskDataModule
from mtl.tasks import TaskGraph

Build = Callable[[], Environment]
Suite = Callable[[], MultiTaskDataModule]


def acted(build: Build, suite: Suite) -> ExecutionReport:
    """What an untrained network does there."""
    data = suite()
    torch.manual_seed(0)
    graph = TaskGraph(data.tasks)
    network = Network(Hard(data.input_shape, graph.names, lambda shape: MLP(shape, [8])), graph).eval()
    data.setup("fit")
    return build().act(network, data)


def fitting_runs_may_act(build: Build, suite: Suite) -> None:
    """Of the suite as it is; where a required task is left out, it says in one line that it cannot."""
    data, environment = suite(), build()
    environment.check(data)
    others = [task.name for task in data.tasks if task.name not in environment.requires]
    if environment.requires and others:
        data.restrict(others)
        try:
            environment.check(data)
        except InputError:
            return
        raise AssertionError("it accepts a run without the tasks that it requires")


def report_is_rows_and_finite_numbers(build: Build, suite: Suite) -> None:
    """Records have the same columns; the summary has numbers, the first of which agents are compared by."""
    report = acted(build, suite)
    records, summary = report.records(), report.summary()
    assert records
    assert len({tuple(record) for record in records}) == 1
    assert summary
    assert all(isfinite(value) for value in summary.values())
    assert report.table().row_count
    outcome = report.outcome()
    assert outcome is None or len(outcome.values) > 0


def the_same_agent_acts_the_same(build: Build, suite: Suite) -> None:
    """The report is a function of the network and the rows."""
    assert acted(build, suite).records() == acted(build, suite).records()


ENVIRONMENT_CHECKS: tuple[Callable[[Build, Suite], None], ...] = (
    fitting_runs_may_act,
    report_is_rows_and_finite_numbers,
    the_same_agent_acts_the_same,
)
